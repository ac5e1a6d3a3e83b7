//! The two editions of OpenAPI, where they differ.

use serde_json::{Map, Value, json};

use super::{
    described::{Described, Parameter, Place, Read},
    meta,
};

/// An edition of OpenAPI: [2.0](https://spec.openapis.org/oas/v2.0.html), also
/// known as Swagger, or [3.0](https://spec.openapis.org/oas/v3.0.0.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    V2,
    V3,
}

/// What metrics are served as.
const MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

impl Edition {
    /// The document that describes these APIs.
    pub(super) fn document(self, apis: &[Described]) -> Value {
        // The schemas are the API's and not the server's, and so they have no
        // version but the group's.
        let info = json!({ "title": "Kubernetes metrics API", "version": "unversioned" });
        let paths: Map<_, _> = apis
            .iter()
            .flat_map(|api| api.reads.iter().map(move |read| (api, read)))
            .map(|(api, read)| {
                (
                    format!("/{}{}", api.path(), read.path),
                    self.item(api, read),
                )
            })
            .collect();
        let schemas: Map<_, _> = apis.iter().flat_map(|api| &api.schemas).cloned().collect();
        match self {
            Self::V2 => {
                json!({ "swagger": "2.0", "info": info, "paths": paths, "definitions": schemas })
            }
            Self::V3 => {
                let components = json!({ "schemas": schemas });
                json!({ "openapi": "3.0.0", "info": info, "paths": paths, "components": components })
            }
        }
    }

    /// A field with the schema of this name. The description is of the field.
    pub(super) fn field(self, schema: &str, description: &str) -> Value {
        let mut field = self.reference(schema);
        if self == Self::V3 {
            // Here, what stands beside a reference does not count.
            field = json!({ "allOf": [field] });
        }
        field["description"] = description.into();
        field
    }

    pub(super) fn reference(self, schema: &str) -> Value {
        let place = match self {
            Self::V2 => "#/definitions/",
            Self::V3 => "#/components/schemas/",
        };
        json!({ "$ref": format!("{place}{schema}") })
    }

    /// A list of what has the schema `item`, and comes in answers.
    pub(super) fn list(self, api_version: (&str, &str), kind: &str, item: &str) -> Value {
        let (group, version) = api_version;
        json!({
            "description": "The values of a metric.",
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": { "description": "The group and version of the list.", "type": "string" },
                "kind": { "description": "The kind of the list.", "type": "string" },
                "metadata": self.field(meta::LIST_META, "Empty."),
                "items": {
                    "description": "The values.",
                    "type": "array",
                    "items": self.reference(item),
                },
            },
            "x-kubernetes-group-version-kind": [
                { "group": group, "version": version, "kind": kind },
            ],
        })
    }

    /// Text or a number, of which the older edition cannot speak.
    pub(super) fn text_or_number(self, description: &str) -> Value {
        match self {
            Self::V2 => json!({ "description": description, "type": "string" }),
            Self::V3 => {
                let either = [json!({ "type": "string" }), json!({ "type": "number" })];
                json!({ "description": description, "oneOf": either })
            }
        }
    }

    fn item(self, api: &Described, read: &Read) -> Value {
        let schema = self.reference(&read.schema);
        let mut success = json!({ "description": "OK" });
        let mut operation = json!({
            "operationId": read.id,
            "description": read.description,
            "tags": [format!("{}_{}", api.group, api.version)],
            "x-kubernetes-action": read.verb,
            "x-kubernetes-group-version-kind": {
                "group": api.group,
                "version": api.version,
                "kind": read.kind,
            },
        });
        match self {
            Self::V2 => {
                operation["produces"] = json!(MEDIA_TYPES);
                success["schema"] = schema;
            }
            Self::V3 => {
                success["content"] = MEDIA_TYPES
                    .iter()
                    .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })))
                    .collect::<Map<_, _>>()
                    .into();
            }
        }
        operation["responses"] = json!({
            "200": success,
            "default": { "description": "A Status that says why there is nothing to answer." },
        });
        operation["parameters"] = read
            .parameters
            .iter()
            .map(|one| self.parameter(one))
            .collect();
        json!({ "get": operation })
    }

    fn parameter(self, parameter: &Parameter) -> Value {
        let mut written = json!({
            "name": parameter.name,
            "description": parameter.description,
            "in": match parameter.place {
                Place::Path => "path",
                Place::Query => "query",
            },
        });
        if parameter.place == Place::Path {
            written["required"] = true.into();
        }
        match self {
            Self::V2 => written["type"] = "string".into(),
            Self::V3 => written["schema"] = json!({ "type": "string" }),
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{super::described, *};
    use crate::group::Group;

    /// Every document that is served, and where its schemas are.
    fn documents() -> Vec<(&'static str, Value, Value)> {
        let all: Vec<_> = described(&Group::ALL, Edition::V2).collect();
        let v2 = Edition::V2.document(&all);
        let merged = ("#/definitions/", v2["definitions"].clone(), v2);
        let v3 = described(&Group::ALL, Edition::V3).map(|api| {
            let document = Edition::V3.document(&[api]);
            let schemas = document["components"]["schemas"].clone();
            ("#/components/schemas/", schemas, document)
        });
        [merged].into_iter().chain(v3).collect()
    }

    fn keys(object: &Value) -> impl Iterator<Item = &str> {
        let fields = object.as_object().expect("it is an object");
        fields.keys().map(String::as_str)
    }

    /// All that a document refers to.
    fn references(document: &Value) -> BTreeSet<&str> {
        match document {
            Value::Object(fields) => fields
                .iter()
                .flat_map(|(key, value)| match value.as_str() {
                    Some(reference) if key == "$ref" => BTreeSet::from([reference]),
                    _ => references(value),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => BTreeSet::new(),
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema_and_every_schema_is_referred_to() {
        for (place, schemas, document) in documents() {
            let named: BTreeSet<_> = keys(&schemas)
                .map(|name| format!("{place}{name}"))
                .collect();
            let referred: BTreeSet<_> = references(&document)
                .into_iter()
                .map(str::to_owned)
                .collect();
            assert_eq!(referred, named);
        }
    }

    #[test]
    fn every_required_field_is_described() {
        for (_, schemas, _) in documents() {
            for name in keys(&schemas) {
                let schema = &schemas[name];
                for required in schema["required"].as_array().into_iter().flatten() {
                    let field = required.as_str().unwrap();
                    assert!(schema["properties"][field].is_object(), "{name}: {field}");
                }
            }
        }
    }

    #[test]
    fn the_parameters_in_a_path_are_those_that_are_described() {
        for (_, _, document) in documents() {
            for path in keys(&document["paths"]) {
                let parameters = document["paths"][path]["get"]["parameters"].as_array();
                let described: BTreeSet<_> = parameters
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .filter_map(|parameter| parameter["name"].as_str())
                    .collect();
                let in_path: BTreeSet<_> = path
                    .split('/')
                    .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                    .collect();
                assert_eq!(described, in_path, "{path}");
            }
        }
    }

    #[test]
    fn each_operation_has_an_id_of_its_own() {
        for (_, _, document) in documents() {
            let ids: BTreeMap<_, _> = keys(&document["paths"])
                .map(|path| {
                    (
                        document["paths"][path]["get"]["operationId"].to_string(),
                        path,
                    )
                })
                .collect();
            assert_eq!(ids.len(), keys(&document["paths"]).count(), "{ids:?}");
        }
    }
}
