//! The server under test as a program of this machine.

use std::{
    io,
    process::{Child, Command, Stdio},
};

use async_trait::async_trait;

use super::{Launch, Running};

/// A program and its arguments, with the environment of this process.
#[derive(Clone, Debug)]
pub struct Program(pub Vec<String>);

#[async_trait]
impl Launch for Program {
    async fn start(&self) -> io::Result<Box<dyn Running>> {
        let Some((program, arguments)) = self.0.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
        };
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            // What it says is not mixed with the report.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Box::new(Process(child)))
    }
}

struct Process(Child);

#[async_trait]
impl Running for Process {
    async fn ask_to_end(&mut self) -> io::Result<()> {
        // The shell's own `kill`: a container need not have the program.
        let signal = format!("kill -TERM {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &signal]).status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(io::Error::other("the process is not there"))
        }
    }

    fn ended(&mut self) -> io::Result<Option<i32>> {
        let status = self.0.try_wait()?;
        Ok(status.map(|status| status.code().unwrap_or(-1)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
