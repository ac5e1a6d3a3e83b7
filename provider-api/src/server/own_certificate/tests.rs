use std::sync::Arc;

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{ServerName, UnixTime},
};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);
const NAME: &str = "metrics.shop.svc";

fn names() -> Vec<String> {
    vec![NAME.to_owned()]
}

fn first() -> OwnCertificate {
    let made = OwnCertificate::default().renewed(&names(), Lifetimes::default(), NOW);
    made.unwrap().unwrap()
}

fn in_days(kept: &OwnCertificate, days: i64) -> Option<OwnCertificate> {
    let now = NOW + Duration::days(days);
    kept.renewed(&names(), Lifetimes::default(), now).unwrap()
}

fn authorities_of(kept: &OwnCertificate) -> usize {
    kept.ca_bundle.matches("BEGIN CERTIFICATE").count()
}

/// What a client says that trusts this bundle.
fn verified(
    bundle: &str,
    shown: &OwnCertificate,
    name: &str,
    now: OffsetDateTime,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let seconds = u64::try_from(now.unix_timestamp()).unwrap();
    verifier
        .build()
        .unwrap()
        .verify_server_cert(
            &CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap(),
            &[],
            &ServerName::try_from(name.to_owned()).unwrap(),
            &[],
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        )
        .map(|_| ())
}

#[test]
fn the_bundle_vouches_for_the_certificate_by_each_of_its_names() {
    let kept = first();
    for name in [NAME, "localhost", "127.0.0.1", "::1"] {
        assert_eq!(
            verified(&kept.ca_bundle, &kept, name, NOW),
            Ok(()),
            "{name}"
        );
    }
    assert!(verified(&kept.ca_bundle, &kept, "other.shop.svc", NOW).is_err());
    assert!(verified(&first().ca_bundle, &kept, NAME, NOW).is_err());
    assert!(kept.serving().is_ok());
}

#[test]
fn through_thirty_years_whoever_trusts_the_bundle_of_the_day_before_is_never_let_down() {
    let mut kept = first();
    let mut before = kept.ca_bundle.clone();
    let (mut certificates, mut most) = (1, 1);
    for day in 0..30 * 365 {
        let now = NOW + Duration::days(day);
        if let Some(next) = in_days(&kept, day) {
            certificates += usize::from(next.certificate != kept.certificate);
            before = std::mem::replace(&mut kept, next).ca_bundle;
        }
        most = most.max(authorities_of(&kept));
        // Verifying is slow; what could change between two renewals is the time alone.
        if day % 30 == 0 || before != kept.ca_bundle {
            assert_eq!(verified(&before, &kept, NAME, now), Ok(()), "day {day}");
        }
        before.clone_from(&kept.ca_bundle);
    }
    // Every sixty days a certificate, every six and two thirds years an authority.
    assert_eq!((certificates, most), (183, 2));
}

#[test]
fn what_is_missing_or_spoilt_is_made_anew_and_the_rest_stays() {
    let kept = first();
    let changed = |change: fn(&mut OwnCertificate)| {
        let mut kept = kept.clone();
        change(&mut kept);
        in_days(&kept, 1).map(|next| {
            (
                next.ca_key == kept.ca_key,
                next.certificate == kept.certificate,
                authorities_of(&next),
            )
        })
    };
    assert_eq!(changed(|_| ()), None);
    for spoil in [
        |kept: &mut OwnCertificate| kept.certificate.clear(),
        |kept: &mut OwnCertificate| kept.key.clear(),
        |kept: &mut OwnCertificate| kept.certificate = "no certificate".to_owned(),
        |kept: &mut OwnCertificate| kept.key = first().key,
        |kept: &mut OwnCertificate| kept.certificate = first().certificate,
    ] {
        assert_eq!(
            changed(spoil),
            Some((true, false, 1)),
            "another certificate"
        );
    }
    for spoil in [
        |kept: &mut OwnCertificate| kept.ca_key.clear(),
        |kept: &mut OwnCertificate| kept.ca_key = first().ca_key,
    ] {
        assert_eq!(changed(spoil), Some((false, true, 2)), "another authority");
    }
    let gone = |kept: &mut OwnCertificate| kept.ca_bundle.clear();
    assert_eq!(changed(gone), Some((false, false, 1)), "all of it");
}

#[test]
fn a_removed_authority_issues_after_everybody_has_heard_of_its_successor() {
    let kept = OwnCertificate {
        ca_key: String::new(),
        ..first()
    };
    let heard = in_days(&kept, 0).unwrap();
    assert_eq!(heard.certificate, kept.certificate);
    assert_eq!(in_days(&heard, 59), None);
    let issued = in_days(&heard, 61).unwrap();
    let older = issued.ca_bundle.rfind("-----BEGIN").unwrap();
    let newest = &issued.ca_bundle[..older];
    let now = NOW + Duration::days(61);
    assert_eq!(verified(newest, &issued, NAME, now), Ok(()));
}

#[test]
fn a_certificate_that_may_issue_nothing_is_no_authority() {
    let kept = first();
    let wrong = OwnCertificate {
        ca_bundle: kept.certificate.clone(),
        ca_key: kept.key.clone(),
        ..OwnCertificate::default()
    };
    let next = in_days(&wrong, 0).unwrap();
    assert_eq!(verified(&next.ca_bundle, &next, NAME, NOW), Ok(()));
    assert!(!next.ca_bundle.contains(&kept.certificate));
}

#[test]
fn a_server_of_other_names_gets_another_certificate() {
    let others = ["other.shop.svc".to_owned()];
    let next = first().renewed(&others, Lifetimes::default(), NOW);
    let next = next.unwrap().unwrap();
    assert_eq!(verified(&next.ca_bundle, &next, &others[0], NOW), Ok(()));
}

#[test]
fn a_certificate_is_not_good_for_longer_than_its_authority() {
    let lifetimes = Lifetimes {
        authority: Duration::days(10),
        certificate: Duration::days(90),
    };
    let made = OwnCertificate::default().renewed(&names(), lifetimes, NOW);
    let made = Read::first_of(&made.unwrap().unwrap().certificate).unwrap();
    assert_eq!(made.not_after, NOW + Duration::days(10));
}

#[test]
fn printing_it_shows_no_key() {
    let printed = format!("{:?}", first());
    assert!(printed.contains("CERTIFICATE"), "{printed}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}
