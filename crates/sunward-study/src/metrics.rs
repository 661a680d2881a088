//! The numbers of a summary by their paths, each with what it measures.
//!
//! A quantity is a newtype, and a newtype tells its name when it is serialised: so the unit of every number of the summary is read
//! off the summary itself, and no list of metrics has to be kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};
use sunward_sim::summary::Summary;

use crate::quantity::{Scale, named};

/// A number of a summary.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// In SI; none where it does not exist in this run.
    pub value: Option<f64>,
    /// What it measures; none for a bare number, and where there is no value.
    pub scale: Option<Scale>,
}

/// The number at every path of a summary. Elements of a list go by their name; series of numbers (latencies, losses) are no metrics.
#[must_use]
pub fn measures(summary: &Summary) -> BTreeMap<String, Measure> {
    let mut found = BTreeMap::new();
    let tree = summary.serialize(Tree).expect("a summary has no key that is not text");
    add(&tree, String::new(), &mut found);
    found
}

fn add(node: &Node, path: String, found: &mut BTreeMap<String, Measure>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match node {
        Node::Number(value, scale) => drop(found.insert(path, Measure { value: Some(*value), scale: *scale })),
        Node::Absent => drop(found.insert(path, Measure { value: None, scale: None })),
        Node::Members(members) => members.iter().for_each(|(name, member)| add(member, below(name), found)),
        Node::List(elements) => {
            for element in elements {
                match element {
                    Node::Members(members) => {
                        let name = members.iter().find(|(key, _)| key == "name");
                        if let Some((_, Node::Word(name))) = name {
                            add(element, below(name), found);
                        }
                    }
                    Node::List(pair) => {
                        if let [Node::Word(name), number] = pair.as_slice() {
                            add(number, below(name), found);
                        }
                    }
                    _ => {}
                }
            }
        }
        Node::Word(_) | Node::Flag => {}
    }
}

/// What was serialised.
enum Node {
    Number(f64, Option<Scale>),
    Word(String),
    Flag,
    Absent,
    Members(Vec<(String, Node)>),
    List(Vec<Node>),
}

/// Something that a summary does not hold.
#[derive(Debug)]
pub(crate) struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Unfit {}
impl ser::Error for Unfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Serialises into a [`Node`].
#[derive(Clone, Copy)]
struct Tree;

macro_rules! numbers {
    ($($method:ident: $Type:ty),+) => { $(
        fn $method(self, value: $Type) -> Result<Node, Unfit> {
            Ok(Node::Number(value as f64, None))
        }
    )+ };
}

impl Serializer for Tree {
    type Ok = Node;
    type Error = Unfit;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    );
    fn serialize_bool(self, _: bool) -> Result<Node, Unfit> {
        Ok(Node::Flag)
    }
    fn serialize_char(self, letter: char) -> Result<Node, Unfit> {
        Ok(Node::Word(letter.to_string()))
    }
    fn serialize_str(self, text: &str) -> Result<Node, Unfit> {
        Ok(Node::Word(text.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Node, Unfit> {
        Ok(Node::Flag)
    }
    fn serialize_none(self) -> Result<Node, Unfit> {
        Ok(Node::Absent)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Unfit> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Node, Unfit> {
        Ok(Node::Absent)
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<Node, Unfit> {
        self.serialize_str(name)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, Unfit> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Node, Unfit> {
        Ok(match value.serialize(self)? {
            Node::Number(number, None) => Node::Number(number, named(name)),
            other => other,
        })
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, Unfit> {
        Ok(Node::Members(vec![(variant.to_owned(), value.serialize(self)?)]))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Unfit> {
        Ok(Elements(Vec::new()))
    }
    fn serialize_tuple(self, _: usize) -> Result<Elements, Unfit> {
        Ok(Elements(Vec::new()))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Unfit> {
        Ok(Elements(Vec::new()))
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Elements, Unfit> {
        Ok(Elements(Vec::new()))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members, Unfit> {
        Ok(Members { members: Vec::new(), key: String::new() })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, Unfit> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Members, Unfit> {
        self.serialize_map(None)
    }
}

struct Elements(Vec<Node>);

macro_rules! elements {
    ($($Trait:ident :: $method:ident),+) => { $(
        impl ser::$Trait for Elements {
            type Ok = Node;
            type Error = Unfit;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
                self.0.push(value.serialize(Tree)?);
                Ok(())
            }
            fn end(self) -> Result<Node, Unfit> {
                Ok(Node::List(self.0))
            }
        }
    )+ };
}
elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

struct Members {
    members: Vec<(String, Node)>,
    key: String,
}

macro_rules! members {
    ($($Trait:ident),+) => { $(
        impl ser::$Trait for Members {
            type Ok = Node;
            type Error = Unfit;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unfit> {
                self.members.push((key.to_owned(), value.serialize(Tree)?));
                Ok(())
            }
            fn end(self) -> Result<Node, Unfit> {
                Ok(Node::Members(self.members))
            }
        }
    )+ };
}
members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Members {
    type Ok = Node;
    type Error = Unfit;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        match key.serialize(Tree)? {
            Node::Word(word) => self.key = word,
            _ => return Err(Unfit("a key that is not text".to_owned())),
        }
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        let key = std::mem::take(&mut self.key);
        self.members.push((key, value.serialize(Tree)?));
        Ok(())
    }
    fn end(self) -> Result<Node, Unfit> {
        Ok(Node::Members(self.members))
    }
}
