//! A child process that does not outlive the test, whichever way the test ends.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::eventually;

/// How many lines of a log a failing test shows.
const TAIL: usize = 25;

/// A running child; what it writes goes to a log file.
pub(crate) struct Process {
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with both of its output streams going to the file `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let out = File::create(&log);
        let out = out.unwrap_or_else(|error| panic!("cannot open {}: {error}", log.display()));
        let err = out.try_clone().expect("an open file can be shared");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let guard = guard(child.id());
        Self { child, guard, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was written so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// The exit status, once there is one.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// The first line with `text` in it, waited for as long as the process lives.
    #[track_caller]
    pub(crate) fn line(&mut self, within: Duration, text: &str) -> String {
        eventually(within, &format!("a line with `{text}`"), || {
            // Asked before the log is read, so that last words count.
            let ended = self.ended();
            let log = self.log();
            // A line without its end is still being written.
            let mut lines = log
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            match (lines.find(|line| line.contains(text)), ended) {
                (Some(line), _) => Ok(line.trim_end().to_owned()),
                (None, Some(status)) => panic!("ended ({status}) without a line with `{text}`"),
                (None, None) => Err(format!("{} other lines", log.lines().count())),
            }
        })
    }

    /// Asks the process to end (SIGTERM).
    pub(crate) fn ask_to_end(&mut self) {
        // A child that has been waited for has no id any more that could be signalled.
        if self.ended().is_none() {
            self.signal(Signal::TERM);
        }
    }

    /// Ends the process as a crash would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("an own child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Stops its time (SIGSTOP).
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).expect("an own child can be signalled");
    }

    /// Asks the process to end and waits for it.
    #[track_caller]
    pub(crate) fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.ask_to_end();
        self.ended_within(within)
    }

    /// The exit status, waited for.
    #[track_caller]
    pub(crate) fn ended_within(&mut self, within: Duration) -> ExitStatus {
        eventually(within, "the process ends", || {
            self.ended().ok_or("it still runs")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "---- the end of {}\n{}",
                self.log.display(),
                tail(&self.log)
            );
        }
        // The guard first: it must not signal the id when that may be another process's.
        for child in [&mut self.guard, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether a process of this id is there.
pub(crate) fn alive(id: u32) -> bool {
    test_kill_process(pid(id)).is_ok()
}

/// A shell that waits for the end of a pipe that only this process holds, then kills `child`.
/// A destructor covers a panic; this covers a test that is itself killed.
fn guard(child: u32) -> Child {
    Command::new("/bin/sh")
        .args(["-c", "trap '' INT TERM; read -r _; kill -KILL \"$0\""])
        .arg(child.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a POSIX system has /bin/sh")
}

fn pid(id: u32) -> Pid {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .expect("the system gave this id to a process")
}

fn tail(log: &Path) -> String {
    let text = read(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

fn read(log: &Path) -> String {
    // Lossy, for a writer may have come no further than the middle of a character.
    fs::read(log).map_or_else(
        |error| format!("cannot read {}: {error}", log.display()),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}
