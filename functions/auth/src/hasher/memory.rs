//! Memory for argon2, used again: fresh pages cost as much time as the hashing.

use std::sync::{Mutex, PoisonError};

use argon2::Block;

use super::argon::MEMORY_KIB;

/// Blocks that no hash uses at the moment. What an earlier hash left in them is overwritten before
/// it is read.
pub struct HashMemory(Mutex<Vec<Vec<Block>>>);

impl HashMemory {
    /// For one hash: on Lambda there is never a second at the same time. It takes some milliseconds of a processor,
    /// since each page is touched: otherwise the first log-in would do that.
    pub fn for_one() -> Self {
        Self(Mutex::new(vec![fresh(MEMORY_KIB as usize)]))
    }

    /// A hash that was made elsewhere may ask for more than one of ours. It gets memory of its own,
    /// which is given back to the system: it is asked for once, and this process is not to stay large.
    pub(super) fn lend<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if blocks > MEMORY_KIB as usize {
            return work(&mut fresh(blocks));
        }
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_else(|| fresh(MEMORY_KIB as usize));
        let outcome = work(&mut memory);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        outcome
    }

    /// How many hashes can be computed without asking the system for memory.
    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn fresh(blocks: usize) -> Vec<Block> {
    vec![Block::new(); blocks]
}
