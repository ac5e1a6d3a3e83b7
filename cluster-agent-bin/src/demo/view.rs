//! A picture for a person, lines for a pipe.

use std::io::{self, IsTerminal, Stdout, Write, stdout};

use ratatui::backend::CrosstermBackend;

use super::{
    moment::{Moment, Opening},
    picture::Picture,
    plain::Plain,
};

/// How the story is shown.
pub(crate) enum View {
    Plain(Plain<Stdout>),
    Picture(Box<Picture<CrosstermBackend<Stdout>>>),
}

impl View {
    /// Shows the opening, and prepares for what follows.
    pub(crate) fn open(opening: &Opening) -> io::Result<Self> {
        let mut plain = Plain::new(stdout());
        plain.opening(opening)?;
        if stdout().is_terminal() {
            println!();
            return Ok(Self::Picture(Box::new(Picture::on_stdout(
                opening.clone(),
            )?)));
        }
        plain.head()?;
        Ok(Self::Plain(plain))
    }

    pub(crate) fn moment(&mut self, moment: &Moment) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.moment(moment),
            Self::Picture(picture) => picture.moment(moment),
        }
    }

    pub(crate) fn closing(self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::Plain(_) => {}
            Self::Picture(mut picture) => picture.leave()?,
        }
        let mut out = stdout();
        writeln!(out)?;
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        out.flush()
    }
}
