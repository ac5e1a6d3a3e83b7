//! The two editions of OpenAPI, where they differ.

use serde_json::{Map, Value, json};

use super::described::{Described, Parameter, Place, Read};

/// An edition of OpenAPI: [2.0](https://spec.openapis.org/oas/v2.0.html), also
/// known as Swagger, or [3.0](https://spec.openapis.org/oas/v3.0.0.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edition {
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
        let schemas: Map<_, _> = apis
            .iter()
            .flat_map(|api| &api.schemas)
            .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
            .collect();
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
        let schema = self.reference(read.schema);
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
