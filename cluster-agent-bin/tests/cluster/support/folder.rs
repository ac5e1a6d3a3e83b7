//! The folder that holds whatever one test writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process, thread,
};

/// A fresh folder under cargo's own, removed with the value unless the test failed.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Tests run side by side in a process, and a kept folder may bear our process id.
        for number in 0.. {
            let path = parent.join(format!("{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create {}: {error}", path.display()),
            }
        }
        unreachable!("a number is free before they end")
    }

    /// Where a file of this name is, or would be.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and tells where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// A path under this name that nobody has yet: `agent-1.log`, then `agent-2.log`.
    pub(crate) fn fresh(&self, name: &str, extension: &str) -> PathBuf {
        (1..)
            .map(|number| self.file(&format!("{name}-{number}.{extension}")))
            .find(|path| !path.exists())
            .expect("a number is free before they end")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() || kept_by_wish() {
            eprintln!("kept: {}", self.0.display());
        } else if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a wish of whoever runs the tests"
)]
fn kept_by_wish() -> bool {
    std::env::var_os("KEEP").is_some()
}
