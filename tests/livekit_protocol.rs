//! Our declarations of LiveKit's SDK messages against the descriptors that come with the library.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use sawt::transport::livekit::messages::{Declared, declared, declared_enums};

const PACKAGE: &str = ".livekit.proto.";

/// The library's messages and enumerations by name without package.
struct Wheel {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
}

#[test]
fn every_message_field_and_value_is_as_the_library_has_it() {
    let Some(wheel) = wheel() else { return };
    let names: HashMap<&str, &str> = declared().map(|m| (m.rust_name, m.wire_name)).collect();
    let wrong: Vec<String> = declared()
        .flat_map(|message| compare(message, &wheel, &names))
        .chain(declared_enums().iter().flat_map(|ours| {
            let theirs = wheel.enums.get(ours.name);
            ours.values.iter().filter_map(move |(name, number)| {
                let found = theirs.and_then(|e| e.value.iter().find(|v| v.name() == *name));
                (found.map(|v| v.number()) != Some(*number))
                    .then(|| format!("{}.{name} = {number}: theirs is {found:?}", ours.name))
            })
        }))
        .collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_room_event_brings_a_handle_that_we_do_not_know_of() {
    let Some(wheel) = wheel() else { return };
    let ours: HashMap<&str, HashSet<&str>> =
        declared().map(|m| (m.wire_name, m.fields.iter().map(|f| f.name).collect())).collect();
    let mut unknown = Vec::new();
    find_handles("RoomEvent", "RoomEvent", &wheel, &mut |path, message, field| {
        if !ours.get(message).is_some_and(|fields| fields.contains(field)) {
            unknown.push(path.to_owned());
        }
    });
    assert!(unknown.is_empty(), "handles that would leak:\n{}", unknown.join("\n"));
}

#[test]
fn the_library_is_the_version_that_the_messages_were_checked_against() {
    if wheel().is_none() {
        return;
    }
    let library = sawt::transport::livekit::library_path(&models_dir());
    if let Err(error) = sawt::transport::livekit::Sdk::load(&library) {
        panic!("{error}");
    }
}

fn compare(ours: &Declared, wheel: &Wheel, names: &HashMap<&str, &str>) -> Vec<String> {
    let Some(theirs) = wheel.messages.get(ours.wire_name) else {
        return vec![format!("{}: the library has no such message", ours.wire_name)];
    };
    let mut wrong = Vec::new();
    for field in ours.fields {
        let at = format!("{}.{}", ours.wire_name, field.name);
        let name = field.name.strip_prefix("r#").unwrap_or(field.name);
        let Some(their) = theirs.field.iter().find(|f| f.name() == name) else {
            wrong.push(format!("{at}: the library has no such field"));
            continue;
        };
        if u32::try_from(their.number()) != Ok(field.number) {
            wrong.push(format!("{at}: number {} is {} there", field.number, their.number()));
        }
        let words: Vec<&str> =
            field.attributes.split([',', ' ']).filter(|w| !w.is_empty()).collect();
        let kind = words[0];
        let is_map = kind.starts_with("map");
        let label = match their.label() {
            Label::Required => "required",
            Label::Optional => "optional",
            Label::Repeated => "repeated",
        };
        if !is_map && words.last() != Some(&label) {
            wrong.push(format!("{at}: {} is {label} there", field.attributes));
        }
        let their_kind = match their.r#type() {
            Type::Uint64 => "uint64",
            Type::Uint32 => "uint32",
            Type::Bool => "bool",
            Type::String => "string",
            Type::Message => "message",
            Type::Enum => "enumeration",
            _ => "another type",
        };
        let their_type = their.type_name().strip_prefix(PACKAGE).unwrap_or_default();
        // The last word of `Vec<ParticipantWithTracks>`, `Option<String>`, `super::x::Y`.
        let inner = field.rust_type.trim_end_matches(['>', ' ']);
        let inner = inner.rsplit(['<', ':', ' ']).next().unwrap_or_default();
        let same = match their_kind {
            "message" if is_map => their_type.ends_with("AttributesEntry"),
            "message" => kind == "message" && names.get(inner) == Some(&their_type),
            "enumeration" => {
                kind.starts_with("enumeration")
                    && kind.contains(their_type.rsplit('.').next().unwrap())
            }
            other => kind == other,
        };
        if !same {
            wrong.push(format!(
                "{at}: {} {} is {their_kind} {their_type} there",
                field.attributes, field.rust_type
            ));
        }
    }
    // What we send must carry all that the library requires.
    if ours.wire_name.ends_with("Request") || ours.wire_name.ends_with("Options") {
        for their in theirs.field.iter().filter(|f| f.label() == Label::Required) {
            if !ours.fields.iter().any(|f| f.name.trim_start_matches("r#") == their.name()) {
                wrong.push(format!(
                    "{}.{}: required there, missing here",
                    ours.wire_name,
                    their.name()
                ));
            }
        }
    }
    wrong
}

/// Calls `found(path, message, field)` for each field on a path from `name` to an owned handle.
fn find_handles(
    path: &str,
    name: &str,
    wheel: &Wheel,
    found: &mut dyn FnMut(&str, &str, &str),
) -> bool {
    let mut any = false;
    for field in &wheel.messages[name].field {
        let Some(inner) = field.type_name().strip_prefix(PACKAGE) else { continue };
        if field.r#type() != Type::Message {
            continue;
        }
        let path = format!("{path}.{}", field.name());
        if inner == "FfiOwnedHandle" || find_handles(&path, inner, wheel, found) {
            found(&path, name, field.name());
            any = true;
        }
    }
    any
}

fn models_dir() -> PathBuf {
    sawt::models::Store::open(None).dir().to_owned()
}

fn wheel() -> Option<Wheel> {
    let dir = models_dir().join("livekit-sdk/proto");
    let Ok(files) = std::fs::read_dir(&dir) else {
        assert!(
            std::env::var_os("SAWT_SKIP_MODEL_TESTS").is_some(),
            "{} is missing: run `sawt models pull`, or set SAWT_SKIP_MODEL_TESTS=1",
            dir.display()
        );
        return None;
    };
    let mut wheel = Wheel { messages: HashMap::new(), enums: HashMap::new() };
    for file in files.flatten().filter(|f| f.file_name().to_string_lossy().ends_with("_pb2.py")) {
        let source = std::fs::read_to_string(file.path()).unwrap();
        let descriptor = FileDescriptorProto::decode(serialized(&source).as_slice()).unwrap();
        for message in descriptor.message_type {
            add("", message, &mut wheel);
        }
        for e in descriptor.enum_type {
            wheel.enums.insert(e.name().to_owned(), e);
        }
    }
    assert!(wheel.messages.len() > 300, "{} has no descriptors", dir.display());
    Some(wheel)
}

fn add(outer: &str, mut message: DescriptorProto, wheel: &mut Wheel) {
    let name = format!("{outer}{}", message.name());
    for inner in std::mem::take(&mut message.nested_type) {
        add(&format!("{name}."), inner, wheel);
    }
    for e in std::mem::take(&mut message.enum_type) {
        wheel.enums.insert(format!("{name}.{}", e.name()), e);
    }
    wheel.messages.insert(name, message);
}

/// The bytes of the literal in `AddSerializedFile(b'…')`.
fn serialized(source: &str) -> Vec<u8> {
    let call = "AddSerializedFile(b";
    let start = source.find(call).expect("a serialized descriptor") + call.len();
    let mut chars = source[start..].chars();
    let quote = chars.next().unwrap();
    let mut bytes = Vec::new();
    loop {
        let c = chars.next().expect("the end of the literal");
        if c == quote {
            return bytes;
        }
        if c != '\\' {
            bytes.push(u8::try_from(u32::from(c)).expect("an ASCII literal"));
            continue;
        }
        match chars.next().unwrap() {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                let hex: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            other @ ('\\' | '\'' | '"') => bytes.push(other as u8),
            other => panic!("an escape that Python did not have: \\{other}"),
        }
    }
}
