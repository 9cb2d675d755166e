//! What the parts of one file that are open at once may need.

use std::cell::Cell;
use std::rc::Rc;

use super::input::FileError;

/// Bytes of all pages, chunks and dictionaries of a file that are held at a moment.
const OPEN_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Counts the bytes of one holder, against what all of its file may hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    all: Rc<Cell<u64>>,
    own: u64,
}

impl Held {
    /// A further holder of the same file, that holds nothing.
    pub(super) fn share(&self) -> Held {
        Held { all: Rc::clone(&self.all), own: 0 }
    }

    /// From now on this many.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), FileError> {
        let own = bytes as u64;
        let all = self.all.get() - self.own + own;
        if all > OPEN_BYTES_MAX {
            let what = "all that is open at once";
            return Err(FileError::TooLarge { what, bytes: all, bytes_max: OPEN_BYTES_MAX });
        }
        self.all.set(all);
        self.own = own;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let file = Held::default();
        let (mut one, mut other) = (file.share(), file.share());
        assert!(one.set(OPEN_BYTES_MAX as usize).is_ok());
        assert!(other.set(1).is_err());
        assert!(one.set(5).is_ok());
        assert!(other.set(1).is_ok());
        assert_eq!(file.all.get(), 6);
        drop(one);
        assert_eq!(file.all.get(), 1);
    }
}
