// Turns Natural Earth's 1:110m land (public domain) into the compact outline of the ground-track map.
//
// Source: npm package world-atlas 2.0.2 (ISC licence), file land-110m.json: Natural Earth 4.1.0 land as TopoJSON.
// Command, with that file beside this script:
//     node land.mjs land-110m.json > land-110m.txt
// Every ring becomes one line: "longitude latitude" of its first point in tenths of a degree, then the differences to
// each next point. Rings that cross the 180th meridian are cut there; a ring around a pole is closed over it. Points that fall
// on their predecessor are dropped, and rings of fewer than 4 points (specks).
import { readFileSync } from 'node:fs';

const { arcs, objects, transform } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const [sx, sy] = transform.scale, [tx, ty] = transform.translate;

const points = arcs.map(arc => {
  let x = 0, y = 0;
  return arc.map(([dx, dy]) => [Math.round(10 * ((x += dx) * sx + tx)), Math.round(10 * ((y += dy) * sy + ty))]);
});
const arc = index => index < 0 ? points[~index].toReversed() : points[index];
const polygons = objects.land.geometries.flatMap(({ type, arcs }) => type === 'Polygon' ? [arcs] : arcs);

// Longitudes without jumps, so that a ring is one shape wherever it lies; a ring that ends 360 deg from its start holds a pole.
function unrolled(ring) {
  let turns = 0;
  const path = ring.map(([x, y], at) => {
    if (at) turns -= Math.round((x - ring[at - 1][0]) / 3600);
    return [x + 3600 * turns, y];
  });
  const [first, last] = [path[0], path.at(-1)], pole = Math.sign(first[1]) * 900;
  return first[0] === last[0] ? path : [...path, [last[0], pole], [first[0], pole], first];
}

// The part of a ring on one side of a meridian (Sutherland and Hodgman 1974).
function cut(ring, meridian, inside) {
  return ring.flatMap((to, at) => {
    const from = ring[(at || ring.length) - 1];
    const share = (meridian - from[0]) / (to[0] - from[0]);
    const crossing = [meridian, Math.round(from[1] + share * (to[1] - from[1]))];
    return inside(from[0]) === inside(to[0]) ? (inside(to[0]) ? [to] : []) : inside(to[0]) ? [crossing, to] : [crossing];
  });
}

// The copies of a ring that lie on the map.
function onMap(ring) {
  const copies = [-3600, 0, 3600].map(shift => unrolled(ring).map(([x, y]) => [x + shift, y]));
  return copies.map(copy => cut(cut(copy, -1800, x => x >= -1800), 1800, x => x <= 1800));
}

console.log('# Natural Earth 1:110m land, public domain; made by land.mjs: outer rings and holes, in tenths of a degree');
for (const ring of polygons.flat().flatMap(ring => onMap(ring.flatMap((index, at) => arc(index).slice(at ? 1 : 0))))) {
  const distinct = ring.filter(([x, y], at) => at === 0 || x !== ring[at - 1][0] || y !== ring[at - 1][1]);
  if (distinct.length < 5) continue;
  const steps = distinct.map(([x, y], at) => at ? `${x - distinct[at - 1][0]} ${y - distinct[at - 1][1]}` : `${x} ${y}`);
  console.log(steps.join(' '));
}
