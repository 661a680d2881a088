//! How a section of a mission is declared once and becomes a struct, its reader, its canonical text and its description.
//!
//! [`section!`] declares keys, [`words!`] an enumeration of words, [`forms!`] a section that takes exactly one of several
//! keys, [`tagged!`] keys that depend on the word of another key, and [`items!`] lets sections stand behind keys.

/// Declares a section: `key: Given<Type> in "low".."high" default "value"`, where `Maybe` is a key that may be absent,
/// `Many` a list, and `or "words"` says what stands in for an absent key. `rust_name "key"` renames.
macro_rules! section {
    ($(#[doc = $doc:literal])+ pub struct $Name:ident { $(
        $(#[doc = $key_doc:literal])+
        $field:ident $($key:literal)? : $wrap:ident < $inner:ident >
            $(in $low:literal .. $high:literal)? $(default $default:literal)? $(or $otherwise:literal)?
    ),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Name { $( $(#[doc = $key_doc])+ pub $field: $wrap<$inner>, )+ }

        impl $crate::form::Section for $Name {
            fn keys() -> Vec<$crate::form::KeySpec> {
                vec![$( $crate::form::KeySpec {
                    name: section!(@key $field $($key)?),
                    doc: concat!($($key_doc, "\n"),+).trim().to_owned(),
                    need: $crate::form::need(None$(.or(Some($default)))?, None$(.or(Some($otherwise)))?),
                    shape: <$wrap<$inner> as $crate::form::Field>::shape(None$(.or(Some(($low, $high))))?),
                } ),+]
            }
            fn read_keys(reader: &mut $crate::form::Reader<'_, '_>) -> Self {
                Self { $( $field: <$wrap<$inner> as $crate::form::Field>::take(
                    reader,
                    section!(@key $field $($key)?),
                    None$(.or(Some(($low, $high))))?,
                    $crate::form::need(None$(.or(Some($default)))?, None$(.or(Some($otherwise)))?),
                ) ),+ }
            }
            fn put_keys(&self, table: &mut toml::Table) {
                $( $crate::form::Field::put(&self.$field, section!(@key $field $($key)?), table); )+
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
}
pub(crate) use section;

/// Makes sections stand behind keys.
macro_rules! items {
    ($($Name:ident),+ $(,)?) => { $(
        impl $crate::form::Item for $Name {
            fn shape(_: Option<$crate::form::Bounds>) -> $crate::form::Shape {
                $crate::form::Shape::Section(<Self as $crate::form::Section>::keys())
            }
            fn decode(
                value: &toml::de::DeValue<'_>,
                place: &$crate::form::Place,
                _: Option<$crate::form::Bounds>,
                sink: &mut $crate::form::Sink,
            ) -> Self {
                $crate::form::read_section(Some(value), place, sink)
            }
            fn absent(place: &$crate::form::Place, _: $crate::form::Need, sink: &mut $crate::form::Sink) -> Self {
                $crate::form::read_section(None, place, sink)
            }
            fn canonical(&self) -> toml::Value {
                toml::Value::Table($crate::form::section_table(self))
            }
        }
    )+ };
}
pub(crate) use items;

/// Declares an enumeration of words, or the words of an enumeration declared in another crate.
macro_rules! words {
    ($(#[doc = $doc:literal])+ pub enum $Name:ident { $( $(#[doc = $word_doc:literal])+ $Variant:ident = $word:literal ),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $Name { $( $(#[doc = $word_doc])+ $Variant, )+ }

        words! { for $Name { $( $(#[doc = $word_doc])+ $Variant = $word ),+ } }
    };
    (for $Name:ident { $( $(#[doc = $word_doc:literal])+ $Variant:ident = $word:literal ),+ $(,)? }) => {
        impl $crate::form::Leaf for $Name {
            fn kind() -> $crate::form::Kind {
                const WORDS: &[$crate::form::Word] =
                    &[$( $crate::form::Word { word: $word, doc: concat!($($word_doc),+) } ),+];
                $crate::form::Kind::Words(WORDS)
            }
            fn read(value: &toml::de::DeValue<'_>) -> Result<Self, $crate::form::Problem> {
                let index = $crate::form::read_word(value, &[$($word),+])?;
                Ok([$(Self::$Variant),+][index])
            }
            fn canonical(&self) -> toml::Value {
                match self { $( Self::$Variant => $word.into(), )+ }
            }
            fn placeholder() -> Self {
                [$(Self::$Variant),+][0]
            }
        }
    };
}
pub(crate) use words;

/// Declares a section that takes exactly one of several keys.
macro_rules! forms {
    ($(#[doc = $doc:literal])+ pub enum $Name:ident { $( $(#[doc = $key_doc:literal])+ $Variant:ident($inner:ident) = $key:literal ),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[allow(clippy::large_enum_variant, reason = "one stands in each entry of a file, not in columns")]
        #[derive(Debug, Clone, PartialEq)]
        pub enum $Name { $( $(#[doc = $key_doc])+ $Variant(Given<$inner>), )+ }

        impl $Name {
            fn read(value: Option<&toml::de::DeValue<'_>>, place: &$crate::form::Place, sink: &mut $crate::form::Sink) -> Self {
                if $crate::form::is_no_section(value, place, sink) {
                    return Self::read(None, place, &mut $crate::form::Sink::scratch());
                }
                let mut reader = $crate::form::Reader::new(value, place, sink);
                let need = $crate::form::Need::Required;
                let mut read: Vec<(&'static str, Self, $crate::fault::Span)> = Vec::new();
                $( if let Some(given) = <Maybe<$inner> as $crate::form::Field>::take(&mut reader, $key, None, need) {
                    let span = given.span.clone();
                    read.push(($key, Self::$Variant(given), span));
                } )+
                $crate::form::exactly_one(&mut reader, &read.iter().map(|(key, _, span)| (*key, span.clone())).collect::<Vec<_>>(), &[$($key),+]);
                reader.finish();
                read.into_iter().next().map(|(_, form, _)| form).unwrap_or_else(|| $crate::declare::first!(place; $($Variant($inner)),+))
            }
            /// The key of this form.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self { $( Self::$Variant(_) => $key, )+ }
            }
        }

        impl $crate::form::Item for $Name {
            fn shape(_: Option<$crate::form::Bounds>) -> $crate::form::Shape {
                $crate::form::Shape::Forms(vec![$( $crate::form::KeySpec {
                    name: $key,
                    doc: concat!($($key_doc, "\n"),+).trim().to_owned(),
                    need: $crate::form::Need::Otherwise("another of these keys"),
                    shape: <$inner as $crate::form::Item>::shape(None),
                } ),+])
            }
            fn decode(
                value: &toml::de::DeValue<'_>,
                place: &$crate::form::Place,
                _: Option<$crate::form::Bounds>,
                sink: &mut $crate::form::Sink,
            ) -> Self {
                Self::read(Some(value), place, sink)
            }
            fn absent(place: &$crate::form::Place, _: $crate::form::Need, sink: &mut $crate::form::Sink) -> Self {
                Self::read(None, place, sink)
            }
            fn canonical(&self) -> toml::Value {
                let mut table = toml::Table::new();
                match self { $( Self::$Variant(given) => $crate::form::Field::put(given, $key, &mut table), )+ }
                toml::Value::Table(table)
            }
        }
    };
}
pub(crate) use forms;

/// The first form, empty: stands in for one that is missing, whose fault is already told.
macro_rules! first {
    ($place:expr; $Variant:ident($inner:ident) $($rest:tt)*) => {
        Self::$Variant(<Given<$inner> as $crate::form::Field>::take(
            &mut $crate::form::Reader::new(None, $place, &mut $crate::form::Sink::scratch()),
            "",
            None,
            $crate::form::Need::Required,
        ))
    };
}
pub(crate) use first;

/// Declares an enumeration whose word decides which further keys stand in the same section.
macro_rules! tagged {
    ($(#[doc = $doc:literal])+ pub enum $Name:ident { $( $(#[doc = $word_doc:literal])+ $Variant:ident($inner:ident) = $word:literal ),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[allow(clippy::large_enum_variant, reason = "one stands in each entry of a file, not in columns")]
        #[derive(Debug, Clone, PartialEq)]
        pub enum $Name { $( $(#[doc = $word_doc])+ $Variant($inner), )+ }

        impl $Name {
            const WORDS: &'static [$crate::form::Word] = &[$(
                $crate::form::Word { word: $word, doc: concat!($($word_doc),+) }
            ),+];
            /// The word as written in a mission.
            #[must_use]
            pub fn as_str(&self) -> &'static str {
                match self { $( Self::$Variant(_) => $word, )+ }
            }
        }

        impl $crate::form::Field for $Name {
            fn shape(_: Option<$crate::form::Bounds>) -> $crate::form::Shape {
                let keys = [$( <$inner as $crate::form::Section>::keys ),+];
                $crate::form::Shape::Tagged(Self::WORDS, keys.iter().map(|keys| keys()).collect())
            }
            fn take(
                reader: &mut $crate::form::Reader<'_, '_>,
                key: &'static str,
                _: Option<$crate::form::Bounds>,
                _: $crate::form::Need,
            ) -> Self {
                let readers: &[fn(&mut $crate::form::Reader<'_, '_>) -> Self] =
                    &[$( |reader| Self::$Variant($crate::form::Section::read_keys(reader)) ),+];
                let keys = [$( <$inner as $crate::form::Section>::keys ),+];
                match reader.word(key, &[$($word),+]) {
                    Some(index) => {
                        let read = readers[index](reader);
                        for (word, keys) in Self::WORDS.iter().zip(keys) {
                            reader.belong_elsewhere(keys(), key, word.word);
                        }
                        read
                    }
                    None => {
                        reader.ignore(keys.iter().flat_map(|keys| keys()));
                        let place = reader.lacking(key);
                        readers[0](&mut $crate::form::Reader::new(None, &place, &mut $crate::form::Sink::scratch()))
                    }
                }
            }
            fn put(&self, key: &str, table: &mut toml::Table) {
                table.insert(key.to_owned(), self.as_str().into());
                match self { $( Self::$Variant(keys) => $crate::form::Section::put_keys(keys, table), )+ }
            }
        }
    };
}
pub(crate) use tagged;
