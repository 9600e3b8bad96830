//! JSON documents against the schemas in `docs/`.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The schema of this name in `docs/`.
pub(crate) fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    serde_json::from_str(&fs::read_to_string(path).expect("a schema")).expect("JSON")
}

/// What is wrong with a document, by its schema.
pub(crate) fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The document in this text. It must have what the schema asks for, and nothing that the schema does not tell of.
#[track_caller]
pub(crate) fn valid(name: &str, text: &str) -> Value {
    let document = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut schema = schema(name);
    assert_eq!(faults(&schema, &document), [""; 0], "{text}");
    close(&mut schema);
    assert_eq!(faults(&schema, &document), [""; 0], "not told of in {name}: {text}");
    document
}

/// Forbids all properties that are not named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(false.into());
            }
            object.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}
