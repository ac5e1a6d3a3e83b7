//! Who asks and whether they may, as the stub says: in a few lines, and wrong where a
//! fault wants it so.

mod config;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use http::{HeaderMap, Method, Uri};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use self::config::Config;
use super::wrong::Quirk;
use crate::{
    Action, Authenticator, Authorizer, Decision, MASTERS, Presented, Rejected, Target, Undecided,
    User,
    conformance::{Handout, subject::Ask},
};

pub(super) struct Delegation {
    stub: Uri,
    quirk: Quirk,
    config: Mutex<Option<Arc<Config>>>,
    tokens: Mutex<HashMap<String, Result<User, Rejected>>>,
    decisions: Mutex<HashMap<(User, Action), Decision>>,
}

impl Delegation {
    pub(super) fn to(handout: &Handout, quirk: Quirk) -> Arc<Self> {
        Arc::new(Self {
            stub: handout.url.parse().unwrap(),
            quirk,
            config: Mutex::default(),
            tokens: Mutex::default(),
            decisions: Mutex::default(),
        })
    }

    /// What the stub says now; the last that could be read, if this cannot.
    async fn config(&self) -> Arc<Config> {
        let last = self.config.lock().unwrap().clone();
        if self.quirk == Quirk::ConfigReadOnce
            && let Some(last) = &last
        {
            return Arc::clone(last);
        }
        let path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
        let map = Ask::new(&self.stub, Method::GET, path)
            .send()
            .await
            .unwrap();
        let mut read = Config::read(&map.json().unwrap()["data"]);
        if let (Quirk::FormerAuthority, Some(read), Some(last)) = (self.quirk, &mut read, &last) {
            read.front_proxy_ca += &last.front_proxy_ca;
        }
        let now = match (read, last) {
            (Some(read), _) => Arc::new(read),
            (None, _) if self.quirk == Quirk::BadConfigTaken => Arc::default(),
            (None, Some(last)) => last,
            (None, None) => panic!("the stub's first ConfigMap can be read"),
        };
        *self.config.lock().unwrap() = Some(Arc::clone(&now));
        now
    }

    async fn review(&self, path: &str, spec: &Value) -> Option<Value> {
        let review = json!({ "spec": spec }).to_string();
        let ask = Ask::new(&self.stub, Method::POST, path).body(review);
        let answer = ask.send().await.unwrap();
        (answer.code == 201).then(|| answer.json().unwrap()["status"].clone())
    }

    fn of_front_proxy(&self, config: &Config, presented: Presented<'_>) -> Option<User> {
        if self.quirk != Quirk::TrustsHeaders {
            let own = presented.certificates.first()?;
            let trusted = self.quirk == Quirk::AnyAuthority
                || is_trusted(own, &config.front_proxy_ca)
                || self.quirk == Quirk::AnyPurpose && issuer(own) == "front-proxy-ca";
            let named = self.quirk == Quirk::AnyName
                || config.allowed_names.is_empty()
                || config.allowed_names.contains(&common_name(own));
            if !trusted || !named {
                return None;
            }
        }
        config.user(presented.headers, self.quirk)
    }

    async fn of_token(&self, token: &str) -> Result<User, Rejected> {
        let known = self.tokens.lock().unwrap().get(token).cloned();
        if self.quirk != Quirk::TokensForgotten
            && let Some(known) = known
        {
            return known;
        }
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let status = self.review(path, &json!({ "token": token })).await;
        let is_undecided = status.is_none();
        let status = status.unwrap_or_default();
        let found = if status["authenticated"] == true {
            let user = &status["user"];
            Ok(User {
                name: user["username"].as_str().unwrap().to_owned(),
                uid: user["uid"].as_str().map(str::to_owned),
                groups: serde_json::from_value(user["groups"].clone()).unwrap(),
                extra: serde_json::from_value(user["extra"].clone()).unwrap(),
            })
        } else {
            Err(Rejected("the token is not known".to_owned()))
        };
        if !is_undecided || self.quirk == Quirk::FailuresRemembered {
            self.tokens
                .lock()
                .unwrap()
                .insert(token.to_owned(), found.clone());
        }
        found
    }
}

#[async_trait]
impl Authenticator for Delegation {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let config = self.config().await;
        if let Some(mut user) = self.of_front_proxy(&config, presented) {
            if self.quirk == Quirk::NoMasters {
                user.groups.retain(|group| group != MASTERS);
            }
            if self.quirk == Quirk::EverybodyAuthenticated {
                user.groups = vec![crate::AUTHENTICATED.to_owned()];
            }
            return Ok(Some(Arc::new(user)));
        }
        if let Some(own) = presented.certificates.first() {
            if self.quirk == Quirk::HeadersOverCertificate
                && let Some(user) = config.user(presented.headers, self.quirk)
            {
                return Ok(Some(Arc::new(user)));
            }
            let proxy =
                self.quirk == Quirk::ProxyIsAUser && is_trusted(own, &config.front_proxy_ca);
            if proxy || is_trusted(own, &config.client_ca) {
                return Ok(Some(Arc::new(User {
                    name: common_name(own),
                    groups: organizations(own),
                    ..User::default()
                })));
            }
            return Err(Rejected("nobody knows the certificate".to_owned()));
        }
        let Some(token) = bearer(presented.headers) else {
            return Ok(None);
        };
        match self.of_token(token).await {
            Ok(user) => Ok(Some(Arc::new(user))),
            Err(_) if self.quirk == Quirk::BadTokenIsNobody => Ok(None),
            Err(rejected) => Err(rejected),
        }
    }
}

#[async_trait]
impl Authorizer for Delegation {
    async fn authorize(&self, user: &User, action: &Action) -> Result<Decision, Undecided> {
        if self.quirk == Quirk::EverythingAllowed {
            return Ok(Decision::Allowed);
        }
        if self.quirk == Quirk::UnknownPathsAllowed
            && matches!(&action.target, Target::Path(path) if path.contains("no-such"))
        {
            return Ok(Decision::Allowed);
        }
        let key = (user.clone(), action.clone());
        let known = self.decisions.lock().unwrap().get(&key).cloned();
        if self.quirk != Quirk::DecisionsForgotten
            && let Some(known) = known
        {
            return Ok(known);
        }
        let mut spec = json!({ "user": user.name, "groups": user.groups });
        if let Some(uid) = &user.uid {
            spec["uid"] = json!(uid);
        }
        if !user.extra.is_empty() {
            spec["extra"] = json!(user.extra);
        }
        let (kind, attributes) = self.quirk.attributes(action);
        spec[kind] = attributes;
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let Some(status) = self.review(path, &spec).await else {
            if self.quirk == Quirk::UndecidedIsNo {
                return Ok(Decision::Denied {
                    reason: String::new(),
                });
            }
            return Err(Undecided("the stub fails".to_owned()));
        };
        let decision = match status["allowed"] == true {
            true => Decision::Allowed,
            false if self.quirk == Quirk::ReasonDropped => Decision::Denied {
                reason: String::new(),
            },
            false => Decision::Denied {
                reason: status["reason"].as_str().unwrap().to_owned(),
            },
        };
        self.decisions.lock().unwrap().insert(key, decision.clone());
        Ok(decision)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn is_trusted(own: &[u8], authorities: &str) -> bool {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()).flatten() {
        roots.add(authority).unwrap();
    }
    let provider = Arc::new(ring::default_provider());
    let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()
    else {
        return false;
    };
    verifier
        .verify_client_cert(&own.into(), &[], UnixTime::now())
        .is_ok()
}

fn with<T>(own: &[u8], read: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let (_, certificate) = X509Certificate::from_der(own).unwrap();
    read(&certificate)
}

fn common_name(own: &[u8]) -> String {
    with(own, |own| {
        own.subject()
            .iter_common_name()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    })
}

pub(super) fn issuer(own: &[u8]) -> String {
    with(own, |own| {
        own.issuer()
            .iter_common_name()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    })
}

fn organizations(own: &[u8]) -> Vec<String> {
    with(own, |own| {
        own.subject()
            .iter_organization()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    })
}
