//! `parameters` of a tool: one JSON schema, or one for each language as `[tools.parameters.ar]`.

use serde_json::Value;

use super::super::finding::{did_you_mean, shown};
use super::super::section::{Placed, Section};
use crate::tools::{ByLanguage, Schema};

/// Deepest schema that is looked at for slips of the finger.
const DEPTH_MAX: usize = 8;

const TYPES: &str =
    "is one of \"string\", \"integer\", \"number\", \"boolean\", \"array\", \"object\"";

/// Keys of JSON schema, 2020-12, which has no meaning for others and says nothing about them.
const KEYWORDS: &str = "$anchor $comment $defs $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary \
    additionalProperties allOf anyOf const contains contentEncoding contentMediaType contentSchema default \
    definitions dependentRequired dependentSchemas deprecated description else enum examples exclusiveMaximum \
    exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum minContains minItems \
    minLength minProperties minimum multipleOf not oneOf pattern patternProperties prefixItems properties \
    propertyNames readOnly required then title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly";

/// Those that are right.
pub(super) fn schemas(section: &Section<'_>, languages: &[String]) -> Option<ByLanguage<Schema>> {
    let Placed { value, line } = section.value("parameters")?;
    // No key of a schema is as short as a language.
    let short = |key: &String| key.len() <= 3 && !matches!(key.as_str(), "not" | "if");
    let by_language = value.as_object().filter(|keys| {
        keys.keys().any(|key| languages.contains(key))
            || (!keys.is_empty() && keys.keys().all(short))
    });
    let mut schemas = ByLanguage::new();
    for tag in languages {
        let (key, schema) = match by_language {
            None => ("parameters".to_owned(), Some(&value)),
            Some(keys) => (format!("parameters.{tag}"), keys.get(tag)),
        };
        let Some(schema) = schema else {
            section.push(line, &key, "is not there; each language needs one");
            continue;
        };
        let tell = |place: &str, problem: &str| {
            let place = place.replace('/', ".");
            section.push(line, &format!("{key}{place}"), problem);
        };
        slips(schema, "", 0, &tell);
        match Schema::new(schema.clone()) {
            Ok(schema) => drop(schemas.insert(tag.clone(), schema)),
            Err(problem) if problem.place.ends_with("/type") => tell(&problem.place, TYPES),
            Err(problem) => tell(&problem.place, &problem.problem),
        }
        if by_language.is_none() && schemas.is_empty() {
            break; // once is enough
        }
    }
    for key in by_language.iter().flat_map(|keys| keys.keys()) {
        if !languages.contains(key) {
            let next = match short(key) {
                true => "is none of this assistant's languages",
                false => "stands beside the languages; write it in each of them",
            };
            section.push(line, &format!("parameters.{key}"), next);
        }
    }
    Some(schemas)
}

/// What a schema allows and nobody means: a required argument that is not declared, a key with a slip.
fn slips(schema: &Value, place: &str, depth: usize, tell: &impl Fn(&str, &str)) {
    let Some(keys) = schema.as_object().filter(|_| depth < DEPTH_MAX) else { return };
    for key in keys.keys().filter(|key| !KEYWORDS.split_whitespace().any(|k| k == key.as_str())) {
        let near = did_you_mean(key, KEYWORDS.split_whitespace()).filter(|_| key.len() > 3);
        if let Some(near) = near {
            tell(&format!("{place}/{key}"), &format!("did you mean `{near}`?"));
        }
    }
    let properties = keys.get("properties").and_then(Value::as_object);
    for name in keys.get("required").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = name.as_str() else { continue };
        if properties.is_none_or(|properties| !properties.contains_key(name)) {
            let known = properties.into_iter().flat_map(|p| p.keys()).map(String::as_str);
            let near = did_you_mean(name, known);
            let near = near.map_or_else(
                || "declare it under properties".to_owned(),
                |near| format!("did you mean {near:?}?"),
            );
            let problem = format!("{} is none of the properties; {near}", shown(name));
            tell(&format!("{place}/required"), &problem);
        }
    }
    if let Some(problem) = unsatisfiable(schema, keys) {
        tell(place, &problem);
    }
    for (name, property) in properties.into_iter().flatten() {
        slips(property, &format!("{place}/properties/{name}"), depth + 1, tell);
    }
    if let Some(items) = keys.get("items") {
        slips(items, &format!("{place}/items"), depth + 1, tell);
    }
}

/// Why no argument could ever fit: a model that is held to it would write until it is stopped.
fn unsatisfiable(schema: &Value, keys: &serde_json::Map<String, Value>) -> Option<String> {
    for (least, most) in [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ] {
        let bound = |key| keys.get(key).and_then(Value::as_f64);
        if let (Some(min), Some(max)) = (bound(least), bound(most))
            && min > max
        {
            return Some(format!("nothing fits: {least} is {min} and {most} is {max}"));
        }
    }
    let allowed = keys.get("enum")?.as_array()?;
    if allowed.is_empty() {
        return Some("nothing fits: enum is empty".into());
    }
    let validator = jsonschema::validator_for(schema).ok()?; // else told in its place
    let wrong = allowed.iter().find(|value| !validator.is_valid(value))?;
    Some(format!("enum has {wrong}, which the rest of it does not allow"))
}
