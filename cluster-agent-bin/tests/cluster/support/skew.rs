//! A wall clock that is wrong, for one process.

use std::process::Command;

use super::Folder;

/// The library that moves a process's clock, built with the C compiler that Rust links with.
pub(crate) struct Skew(String);

impl Skew {
    #[track_caller]
    pub(crate) fn build(folder: &Folder) -> Self {
        let source = folder.write("skew.c", include_str!("skew.c"));
        let library = folder.file("skew.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .status()
            .expect("a C compiler is where Rust links");
        assert!(built.success(), "{built}");
        Self(library.display().to_string())
    }

    /// The variables by which a process has a clock that is so many seconds fast, or slow.
    pub(crate) fn by<'a>(&'a self, seconds: &'a str) -> [(&'a str, &'a str); 2] {
        [("LD_PRELOAD", &self.0), ("CLOCK_OFFSET", seconds)]
    }
}
