// Turns Natural Earth's 1:110m land (public domain) into the compact outline of the ground-track map.
//
// Source: npm package world-atlas 2.0.2 (ISC licence), file land-110m.json: Natural Earth 4.1.0 land as TopoJSON.
// Command, with that file beside this script:
//     node land.mjs land-110m.json > land-110m.txt
// Every ring becomes one line: "longitude latitude" of its first point in tenths of a degree, then the differences to
// each next point. Points that fall on their predecessor are dropped, and rings of fewer than 4 points (specks).
import { readFileSync } from 'node:fs';

const { arcs, objects, transform } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const [sx, sy] = transform.scale, [tx, ty] = transform.translate;

const points = arcs.map(arc => {
  let x = 0, y = 0;
  return arc.map(([dx, dy]) => [Math.round(10 * ((x += dx) * sx + tx)), Math.round(10 * ((y += dy) * sy + ty))]);
});
const arc = index => index < 0 ? points[~index].toReversed() : points[index];
const polygons = objects.land.geometries.flatMap(({ type, arcs }) => type === 'Polygon' ? [arcs] : arcs);

console.log('# Natural Earth 1:110m land, public domain; made by land.mjs: outer rings and holes, in tenths of a degree');
for (const ring of polygons.flat()) {
  const path = ring.flatMap((index, at) => arc(index).slice(at ? 1 : 0));
  const distinct = path.filter(([x, y], at) => at === 0 || x !== path[at - 1][0] || y !== path[at - 1][1]);
  if (distinct.length < 5) continue;
  const steps = distinct.map(([x, y], at) => at ? `${x - distinct[at - 1][0]} ${y - distinct[at - 1][1]}` : `${x} ${y}`);
  console.log(steps.join(' '));
}
