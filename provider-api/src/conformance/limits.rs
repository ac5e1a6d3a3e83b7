//! Too much, too long, too slow.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Subject, Unanswered,
    answer::{Answer, holds},
    case::{Case, Miss, Verdict},
    client::{Speaks, greeted},
    subject::named,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "limits/deadline",
        promise: "what takes longer than ?timeout=2s is a 504 at about two seconds, as a Status in the format that was asked for",
        relied_on: "a client that gives up reads nothing; one that is told reads why",
        check: |subject| Box::pin(deadline(subject)),
    },
    Case {
        name: "limits/discovery",
        promise: "discovery lists no more than the configured number of resources, in less than 50 ms",
        relied_on: "each API server reads it every few seconds, and kubectl with every command",
        check: |subject| Box::pin(discovery(subject)),
    },
    Case {
        name: "limits/big-selector",
        promise: "a selector of 32 KiB is answered or refused, and the next request is answered",
        relied_on: "a server that falls over at it can be felled by anybody",
        check: |subject| Box::pin(big_selector(subject)),
    },
    Case {
        name: "limits/long-path",
        promise: "a path of 60 KiB is refused or its connection closed, and the next request is answered",
        relied_on: "a server that falls over at it can be felled by anybody",
        check: |subject| Box::pin(long_path(subject)),
    },
    Case {
        name: "limits/big-header",
        promise: "a header of 2 MiB is a 431 or 400, or its connection is closed, and the next request is answered",
        relied_on: "memory that anybody can take",
        check: |subject| Box::pin(big_header(subject)),
    },
    Case {
        name: "limits/slow-header",
        promise: "a request whose head does not end is given up",
        relied_on: "a handful of slow clients would take all connections",
        check: |subject| Box::pin(slow_header(subject)),
    },
    Case {
        name: "limits/silence",
        promise: "a connection on which no TLS handshake begins is given up",
        relied_on: "a handful of silent clients would take all connections",
        check: |subject| Box::pin(silence(subject)),
    },
];

pub(super) const LOAD: &[Case] = &[
    Case {
        name: "load/in-flight",
        promise: "a request above the limit is a 429 at once, with a Retry-After of at most a second, and health is answered",
        relied_on: "what waits in line has been given up by its client when its turn comes",
        check: |subject| Box::pin(in_flight(subject)),
    },
    Case {
        name: "load/masters",
        promise: "system:masters are let in above the limit",
        relied_on: "the aggregator's probes decide whether anybody is sent here",
        check: |subject| Box::pin(masters(subject)),
    },
];

async fn deadline(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.slow, "slow")?);
    let ask = subject
        .get(&format!("{path}?timeout=2s"))
        .accept("application/json");
    let begun = Instant::now();
    ask.send().await?.refusal(504, "Timeout")?;
    let took = begun.elapsed();
    let about = Duration::from_millis(1900)..Duration::from_secs(4);
    holds(
        about.contains(&took),
        "about two seconds",
        format!("{took:?}"),
    )
}

async fn discovery(subject: &Subject) -> Verdict {
    let most = subject.surroundings.most_listed;
    let most = most.ok_or_else(|| Miss::Skipped("needs --most-listed".to_owned()))?;
    let mut connection = subject.get("").open().await?;
    let mut quickest = Duration::MAX;
    // A machine that is busy for a moment is not so twenty times in a row.
    for _ in 0..20 {
        let request = subject.get(subject.group_version()).request()?;
        let begun = Instant::now();
        let list = connection.send(request).await?;
        quickest = quickest.min(begun.elapsed());
        let list = list.document()?;
        let count = list["resources"].as_array().map_or(0, Vec::len);
        holds(
            (1..=most).contains(&count),
            format!("1 to {most} resources"),
            count,
        )?;
        if quickest < subject.quick {
            return Ok(());
        }
    }
    Err(Miss::fault(
        format!("less than {:?}", subject.quick),
        format!("{quickest:?}"),
    ))
}

/// That a request was answered with a refusal or a document, or its connection closed.
fn refused(answer: Result<Answer, Unanswered>, fine: &[u16]) -> Verdict {
    match answer {
        Ok(answer) => holds(
            fine.contains(&answer.code.as_u16()),
            format!("one of {fine:?}, or a closed connection"),
            answer.shown(),
        ),
        Err(Unanswered::Late) => Err(Unanswered::Late.into()),
        Err(_closed) => Ok(()),
    }
}

async fn lives(subject: &Subject) -> Verdict {
    subject
        .get(subject.group_version())
        .send()
        .await?
        .coded(200)?;
    Ok(())
}

async fn big_selector(subject: &Subject) -> Verdict {
    let path = subject.path_of(&subject.surroundings.unknown);
    let terms = vec!["queue%3Dmail"; (32 << 10) / 15].join("%2C");
    let answer = subject
        .get(&format!("{path}?labelSelector={terms}"))
        .send()
        .await;
    refused(answer, &[200, 400, 404, 413, 414, 431])?;
    lives(subject).await
}

async fn long_path(subject: &Subject) -> Verdict {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let path = subject.path_of(&"a".repeat(60 << 10));
        refused(
            subject.get(&path).by(speaks).send().await,
            &[400, 404, 413, 414, 431],
        )?;
    }
    lives(subject).await
}

async fn big_header(subject: &Subject) -> Verdict {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let path = subject.group_version();
        let ask = subject
            .get(path)
            .by(speaks)
            .header("x-conformance", &"a".repeat(2 << 20));
        refused(ask.send().await, &[400, 413, 431])?;
    }
    lives(subject).await
}

/// That the other side ends the connection.
async fn ended(subject: &Subject, mut stream: impl AsyncReadExt + Unpin) -> Verdict {
    let mut rest = Vec::new();
    let read = timeout(subject.patience, stream.read_to_end(&mut rest)).await;
    let expected = format!("a closed connection within {:?}", subject.patience);
    holds(read.is_ok(), expected, "an open one")
}

async fn slow_header(subject: &Subject) -> Verdict {
    let mut stream = greeted(&subject.base, Speaks::Http1, None).await?;
    let begun = b"GET /livez HTTP/1.1\r\nhost: a";
    stream
        .write_all(begun)
        .await
        .map_err(Unanswered::Connection)?;
    stream.flush().await.map_err(Unanswered::Connection)?;
    ended(subject, stream).await
}

async fn silence(subject: &Subject) -> Verdict {
    let stream = super::client::connected(&subject.base).await?;
    ended(subject, stream).await
}

/// The server with all its places taken, for as long as this lives.
async fn loaded(subject: &Subject) -> Result<JoinSet<()>, Miss> {
    let path = subject.path_of(named(&subject.surroundings.slow, "slow")?);
    let count = subject.surroundings.in_flight;
    let count = count.ok_or_else(|| Miss::Skipped("needs --in-flight".to_owned()))?;
    let mut requests = JoinSet::new();
    // A few more than that: one that is lost must not leave a place free.
    for _ in 0..=count + count / 10 {
        let ask = subject.get(&path);
        let mut connection = ask.open().await?;
        let request = ask.request()?;
        requests.spawn(async move {
            let _given_up = connection.send(request).await;
        });
    }
    Ok(requests)
}

async fn in_flight(subject: &Subject) -> Verdict {
    let _requests = loaded(subject).await?;
    for _ in 0..20 {
        let answer = subject.get(subject.group_version()).send().await?;
        if answer.code == 429 {
            let after = answer.header("retry-after");
            holds(
                matches!(after, "0" | "1"),
                "Retry-After: 1",
                format!("Retry-After: {after}"),
            )?;
            for path in ["/livez", "/readyz"] {
                subject.get_as_nobody(path).send().await?.coded(200)?;
            }
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(Miss::fault("HTTP 429", "an answer, twenty times"))
}

async fn masters(subject: &Subject) -> Verdict {
    subject.handout()?;
    let _requests = loaded(subject).await?;
    for _ in 0..10 {
        let ask = subject.get_as("system:kube-aggregator", subject.group_version())?;
        ask.header("x-remote-group", "system:masters")
            .send()
            .await?
            .coded(200)?;
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
