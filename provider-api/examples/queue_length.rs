//! External metrics from SQLite: how many jobs wait in each queue of a table. Served on
//! loopback without asking who reads them.
//!
//! ```text
//! sqlite3 jobs.db "CREATE TABLE jobs (queue TEXT, done_at TEXT);
//!                  INSERT INTO jobs VALUES ('mail', NULL), ('mail', NULL), ('print', NULL);"
//! cargo run -p provider-api --features server --example queue_length jobs.db
//! curl -k 'https://127.0.0.1:6443/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/jobs_waiting?labelSelector=queue%3Dmail'
//! ```

use std::{collections::BTreeMap, env, error::Error, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use provider_api::{
    Clock, ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, MetricsApi,
    MetricsServer, Refusal, Selector, Shutdown,
};
use rusqlite::{Connection, OpenFlags};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;

const WAITING: &str = "jobs_waiting";

/// A table of jobs, whose queues are chosen by the label `queue`.
#[derive(Clone)]
struct Jobs {
    database: PathBuf,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl ExternalMetricsProvider for Jobs {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        if metric.name().as_str() != WAITING {
            return Err(Refusal::Unknown(format!(
                "there is no {metric}, only {WAITING}"
            )));
        }
        let (jobs, chosen) = (self.clone(), metric.selector().clone());
        // SQLite blocks, so it has a thread of its own. The value is as old as the reading.
        let counted = spawn_blocking(move || Ok((jobs.clock.now(), jobs.waiting(&chosen)?)));
        let (measured, queues) =
            counted
                .await
                .expect("counting does not panic")
                .map_err(|why: rusqlite::Error| {
                    Refusal::Unavailable(format!("the jobs of {metric} cannot be counted: {why}"))
                })?;
        if queues.is_empty() {
            // Zero would be a guess: nobody has ever put a job into such a queue.
            return Err(Refusal::NoData(format!("no queue is chosen by {metric}")));
        }
        let name = metric.name();
        let value = |(queue, waiting): (String, i64)| ExternalMetricValue {
            labels: labels(queue),
            ..ExternalMetricValue::new(name.clone(), waiting.into(), measured)
        };
        Ok(queues.into_iter().map(value).collect())
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        vec![WAITING.parse().expect("a constant that is a name")]
    }
}

impl Jobs {
    /// The chosen queues, and how many of their jobs are not done.
    fn waiting(&self, chosen: &Selector) -> rusqlite::Result<Vec<(String, i64)>> {
        let database =
            Connection::open_with_flags(&self.database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // An autoscaler waits in line behind this one: better no value than a late one.
        database.busy_timeout(Duration::from_millis(100))?;
        let mut counts = database.prepare(
            "SELECT queue, count(*) FILTER (WHERE done_at IS NULL) FROM jobs GROUP BY queue",
        )?;
        let counts = counts.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_chosen = |(queue, _): &(String, i64)| chosen.matches(&labels(queue.clone()));
        counts
            .filter(|count| count.as_ref().map_or(true, is_chosen))
            .collect()
    }
}

fn labels(queue: String) -> BTreeMap<String, String> {
    BTreeMap::from([("queue".to_owned(), queue)])
}

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "this is a binary, whose clock and arguments are read here"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(OffsetDateTime::now_utc);
    let database = env::args().nth(1).ok_or("name the database")?.into();
    let jobs = Jobs {
        database,
        clock: Arc::clone(&clock),
    };
    println!("https://127.0.0.1:6443");
    MetricsServer::open(MetricsApi::new(jobs), clock)
        .serve(
            ([127, 0, 0, 1], 6443).into(),
            Shutdown::on_signal()?.asked(),
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use http::Request;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use time::macros::datetime;
    use tower::ServiceExt;

    use super::*;

    /// A database of its own, removed in the end.
    struct Database(PathBuf);

    impl Database {
        fn of(test: &str) -> Self {
            Self(env::temp_dir().join(format!("{test}-{}.db", process::id())))
        }

        fn run(&self, statements: &str) {
            Connection::open(&self.0)
                .unwrap()
                .execute_batch(statements)
                .unwrap();
        }

        /// The labels and values in the answer, or its code and the message of its refusal.
        async fn answer(&self, tail: &str) -> Value {
            let jobs = Jobs {
                database: self.0.clone(),
                clock: Arc::new(|| datetime!(2026-01-02 03:04:05 UTC)),
            };
            let uri = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/{tail}");
            let request = Request::get(uri).body(()).unwrap();
            let answer = MetricsApi::new(jobs).oneshot(request).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            match body["items"].as_array() {
                Some(items) => items
                    .iter()
                    .map(|item| {
                        json!([
                            item["metricLabels"]["queue"],
                            item["value"],
                            item["timestamp"]
                        ])
                    })
                    .collect(),
                None => json!([body["code"], body["message"]]),
            }
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[tokio::test]
    async fn the_jobs_that_wait_are_counted_when_they_are_asked_for() {
        let database = Database::of("counted");
        database.run(
            "CREATE TABLE jobs (queue TEXT, done_at TEXT);
             INSERT INTO jobs VALUES ('mail', NULL), ('mail', NULL), ('mail', '2026-01-01'), ('print', '2026-01-01');",
        );
        let now = "2026-01-02T03:04:05Z";
        assert_eq!(
            database.answer("jobs_waiting").await,
            json!([["mail", "2", now], ["print", "0", now]])
        );
        let mail = "jobs_waiting?labelSelector=queue%3Dmail";
        assert_eq!(database.answer(mail).await, json!([["mail", "2", now]]));
        database
            .run("UPDATE jobs SET done_at = '2026-01-02'; INSERT INTO jobs VALUES ('mail', NULL)");
        assert_eq!(database.answer(mail).await, json!([["mail", "1", now]]));
    }

    #[tokio::test]
    async fn what_cannot_be_counted_is_refused_with_the_reason() {
        let database = Database::of("refused");
        assert_eq!(
            database.answer("jobs_waiting").await,
            json!([
                503,
                format!(
                    "the jobs of shop/jobs_waiting{{}} cannot be counted: unable to open database file: {}",
                    database.0.display()
                )
            ])
        );
        database.run(
            "CREATE TABLE jobs (queue TEXT, done_at TEXT); INSERT INTO jobs VALUES ('mail', NULL)",
        );
        for (tail, refusal) in [
            (
                "jobs_waiting?labelSelector=queue%3Dfax",
                json!([422, "no queue is chosen by shop/jobs_waiting{queue=fax}"]),
            ),
            (
                "jobs_done",
                json!([404, "there is no shop/jobs_done{}, only jobs_waiting"]),
            ),
        ] {
            assert_eq!(database.answer(tail).await, refusal);
        }
    }

    #[tokio::test]
    async fn a_locked_table_is_not_waited_for() {
        let database = Database::of("locked");
        database.run("CREATE TABLE jobs (queue TEXT, done_at TEXT)");
        let writer = Connection::open(&database.0).unwrap();
        writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
        assert_eq!(
            database.answer("jobs_waiting").await,
            json!([
                503,
                "the jobs of shop/jobs_waiting{} cannot be counted: database is locked"
            ])
        );
    }
}
