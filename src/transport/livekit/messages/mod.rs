//! The messages of LiveKit's SDK library that we use, declared by us.
//!
//! The library has about 450 messages; these are the ones a voice call needs, and of each the
//! fields that we read or set: protobuf skips what we do not name. `tests/livekit_protocol.rs`
//! compares every name, number, type and label here with the descriptors that come with the
//! library, so a new version that drifts fails with the field's name.
//!
//! What is left out matters in one place only: an event that brings a handle we do not know of
//! would leak it. The same test walks the room's events for such handles.

pub mod audio;
pub mod envelope;
pub mod owned;
pub mod room;
pub mod text;

/// A message as declared here, for the test that compares it with the library's descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Name in the protocol, e.g. `ConnectCallback.Result`.
    pub wire_name: &'static str,
    /// Name of the struct here.
    pub rust_name: &'static str,
    /// Its fields.
    pub fields: &'static [DeclaredField],
}

/// A field of a [`Declared`] message.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredField {
    /// Name in the protocol.
    pub name: &'static str,
    /// The words in its `prost` attribute, e.g. `string, required`.
    pub attributes: &'static str,
    /// Its type here.
    pub rust_type: &'static str,
    /// Its number.
    pub number: u32,
}

/// An enumeration as declared here: the protocol's name and the values we name.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredEnum {
    /// Name in the protocol.
    pub name: &'static str,
    /// Value names in the protocol and their numbers.
    pub values: &'static [(&'static str, i32)],
}

/// Every message declared here.
pub fn declared() -> impl Iterator<Item = &'static Declared> {
    [envelope::DECLARED, room::DECLARED, audio::DECLARED, text::DECLARED].into_iter().flatten()
}

/// Every enumeration declared here.
pub fn declared_enums() -> &'static [DeclaredEnum] {
    room::DECLARED_ENUMS
}

/// Declares messages once for both `prost` and the test: a struct each, and the list of all.
macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident = $wire:literal {
            $( $field:ident : $ty:ty = ($($attribute:tt)*) $number:tt, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, prost::Message)]
            #[allow(missing_docs)]
            pub struct $name {
                $( #[prost($($attribute)*, tag($number))] pub $field: $ty, )*
            }
        )*
        /// The messages of this file.
        pub const DECLARED: &[$crate::transport::livekit::messages::Declared] = &[
            $( $crate::transport::livekit::messages::Declared {
                wire_name: $wire,
                rust_name: stringify!($name),
                fields: &[$( $crate::transport::livekit::messages::DeclaredField {
                    name: stringify!($field),
                    attributes: stringify!($($attribute)*),
                    rust_type: stringify!($ty),
                    number: $number,
                }, )*],
            }, )*
        ];
    };
}

/// Declares messages that hold one of many: the struct, its enum, and the list of all.
macro_rules! envelopes {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $field:ident : $ty:ty = ($($attribute:tt)*) $number:tt, )* }
        one of $oneof:ident { $( $variant:ident($message:ty) $wire:ident = $tag:tt, )* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, prost::Message)]
            #[allow(missing_docs)]
            pub struct $name {
                $( #[prost($($attribute)*, tag($number))] pub $field: $ty, )*
                #[prost(oneof($oneof), tags($($tag),*))]
                pub message: Option<$oneof>,
            }

            $(#[$doc])*
            #[derive(Clone, PartialEq, prost::Oneof)]
            #[allow(missing_docs, clippy::large_enum_variant)] // decoded in place, never stored in bulk
            pub enum $oneof {
                $( #[prost(message, tag($tag))] $variant($message), )*
            }
        )*
        /// The messages of this file.
        pub const DECLARED: &[$crate::transport::livekit::messages::Declared] = &[
            $( $crate::transport::livekit::messages::Declared {
                wire_name: stringify!($name),
                rust_name: stringify!($name),
                fields: &[
                    $( $crate::transport::livekit::messages::DeclaredField {
                        name: stringify!($field),
                        attributes: stringify!($($attribute)*),
                        rust_type: stringify!($ty),
                        number: $number,
                    }, )*
                    $( $crate::transport::livekit::messages::DeclaredField {
                        name: stringify!($wire),
                        attributes: "message, optional",
                        rust_type: stringify!($message),
                        number: $tag,
                    }, )*
                ],
            }, )*
        ];
    };
}

/// Declares enumerations with the protocol's value names.
macro_rules! enums {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $variant:ident $wire:ident = $value:literal, )* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
            #[repr(i32)]
            #[allow(missing_docs)]
            pub enum $name { $( $variant = $value, )* }
        )*
        /// The enumerations of this file.
        pub const DECLARED_ENUMS: &[$crate::transport::livekit::messages::DeclaredEnum] = &[
            $( $crate::transport::livekit::messages::DeclaredEnum {
                name: stringify!($name),
                values: &[$( (stringify!($wire), $value), )*],
            }, )*
        ];
    };
}

pub(crate) use {enums, envelopes, messages};
