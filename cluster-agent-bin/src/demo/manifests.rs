//! Autoscalers and Deployments from files, as one would apply them to a cluster.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler};
use serde_json::Value;

/// The walkthrough's manifests.
const EXAMPLE: [(&str, &str); 2] = [
    (
        "nginx.yaml",
        include_str!("../../manifests/hpa-example/nginx.yaml"),
    ),
    (
        "hpa.yaml",
        include_str!("../../manifests/hpa-example/hpa.yaml"),
    ),
];

/// What the demo plays with.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// What a person calls them.
    pub(crate) name: String,
    /// The autoscalers, in the order of the files.
    pub(crate) autoscalers: Vec<HorizontalPodAutoscaler>,
    /// The replicas that Deployments are written with, by namespace and name.
    replicas: BTreeMap<(String, String), i32>,
}

/// Why the manifests cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidManifests {
    #[error("{}", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{file}: {why}")]
    Invalid { file: String, why: String },
    #[error(
        "{name} holds no HorizontalPodAutoscaler of autoscaling/v2 in a .yaml, .yml or .json file"
    )]
    NoAutoscaler { name: String },
}

impl Manifests {
    /// Those of the walkthrough.
    pub(crate) fn example() -> Result<Self, InvalidManifests> {
        let mut manifests = Self {
            name: "the walkthrough's nginx (built in)".to_owned(),
            ..Self::default()
        };
        EXAMPLE
            .iter()
            .try_for_each(|(file, text)| manifests.read(file, text))?;
        manifests.checked()
    }

    /// Those of a folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, InvalidManifests> {
        let mut manifests = Self {
            name: folder.display().to_string(),
            ..Self::default()
        };
        let failed = |path: &Path, source| InvalidManifests::Io {
            path: path.to_owned(),
            source,
        };
        let entries = fs::read_dir(folder).map_err(|why| failed(folder, why))?;
        let mut files = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| failed(folder, why))?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
        });
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|why| failed(&file, why))?;
            manifests.read(&file.display().to_string(), &text)?;
        }
        manifests.checked()
    }

    /// The replicas that a Deployment begins with: one, where nothing is written.
    pub(crate) fn replicas(&self, namespace: &str, name: &str) -> i32 {
        self.replicas
            .get(&(namespace.to_owned(), name.to_owned()))
            .copied()
            .unwrap_or(1)
    }

    fn read(&mut self, file: &str, text: &str) -> Result<(), InvalidManifests> {
        let invalid = |why: String| InvalidManifests::Invalid {
            file: file.to_owned(),
            why,
        };
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|why| invalid(why.to_string()))?;
        for document in documents {
            self.take(document).map_err(invalid)?;
        }
        Ok(())
    }

    fn take(&mut self, document: Value) -> Result<(), String> {
        let field = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (kind, version) = (field("kind"), field("apiVersion"));
        match kind.as_str() {
            "HorizontalPodAutoscaler" if version != "autoscaling/v2" => {
                Err(format!("a {kind} of {version}: write it as autoscaling/v2"))
            }
            "HorizontalPodAutoscaler" => {
                let mut hpa: HorizontalPodAutoscaler = read_as(&kind, document)?;
                // As kubectl would apply it.
                hpa.metadata
                    .namespace
                    .get_or_insert_with(|| "default".to_owned());
                self.autoscalers.push(hpa);
                Ok(())
            }
            "Deployment" => {
                let Deployment { metadata, spec, .. } = read_as(&kind, document)?;
                let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
                let replicas = spec.and_then(|spec| spec.replicas).unwrap_or(1);
                self.replicas
                    .insert((namespace, metadata.name.unwrap_or_default()), replicas);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn checked(self) -> Result<Self, InvalidManifests> {
        if self.autoscalers.is_empty() {
            Err(InvalidManifests::NoAutoscaler { name: self.name })
        } else {
            Ok(self)
        }
    }
}

fn read_as<T: serde::de::DeserializeOwned>(kind: &str, document: Value) -> Result<T, String> {
    serde_json::from_value(document).map_err(|why| format!("the {kind} in it: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walkthrough_has_one_autoscaler_for_one_replica() {
        let manifests = Manifests::example().unwrap();
        let [hpa] = manifests.autoscalers.as_slice() else {
            panic!("{manifests:?}")
        };
        assert_eq!(hpa.metadata.name.as_deref(), Some("nginxext"));
        assert_eq!(manifests.replicas("default", "nginx"), 1);
    }

    #[test]
    fn what_cannot_be_used_says_which_file_and_why() {
        let refused = |text: &str| {
            Manifests::default()
                .read("a.yaml", text)
                .unwrap_err()
                .to_string()
        };
        let old = refused("apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\n");
        assert_eq!(
            old,
            "a.yaml: a HorizontalPodAutoscaler of autoscaling/v1: write it as autoscaling/v2"
        );
        let broken = refused("kind: [");
        assert!(broken.starts_with("a.yaml: "), "{broken}");
        let wrong = refused("apiVersion: apps/v1\nkind: Deployment\nspec: { replicas: many }\n");
        assert!(
            wrong.starts_with("a.yaml: the Deployment in it: "),
            "{wrong}"
        );
        assert!(matches!(
            Manifests::default().checked(),
            Err(InvalidManifests::NoAutoscaler { .. })
        ));
    }
}
