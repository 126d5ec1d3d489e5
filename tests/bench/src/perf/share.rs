//! A share of a processor, as Lambda gives it by memory size: a control group with a quota. It needs root, as most of
//! what changes control groups does.

use std::io;
use std::path::PathBuf;

/// So much memory, in MiB, has one whole processor.
const WHOLE_MIB: u64 = 1769;
/// Lambda's own: a process that has used up its part waits until the next one begins.
const PERIOD_US: u64 = 20_000;

/// A group that processes can be put into; it ends when it is dropped.
pub(super) struct Share(PathBuf);

impl Drop for Share {
    fn drop(&mut self) {
        drop(std::fs::remove_dir(&self.0));
    }
}

impl Share {
    /// What a function of this memory size has.
    pub(super) fn of(memory_mib: u64) -> io::Result<Self> {
        let quota = PERIOD_US * memory_mib / WHOLE_MIB;
        let name = format!("bench-{}-{memory_mib}", std::process::id());
        let old = PathBuf::from("/sys/fs/cgroup/cpu");
        if old.is_dir() {
            let group = Self(old.join(name));
            std::fs::create_dir(&group.0)?;
            std::fs::write(group.0.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            std::fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string())?;
            return Ok(group);
        }
        let root = PathBuf::from("/sys/fs/cgroup");
        std::fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
        let group = Self(root.join(name));
        std::fs::create_dir(&group.0)?;
        std::fs::write(group.0.join("cpu.max"), format!("{quota} {PERIOD_US}"))?;
        Ok(group)
    }

    /// From now on the process has no more than this.
    pub(super) fn hold(&self, process: u32) -> io::Result<()> {
        std::fs::write(self.0.join("cgroup.procs"), process.to_string())
    }
}

/// From now on the process has what everybody has.
pub(super) fn release(process: u32) -> io::Result<()> {
    let old = PathBuf::from("/sys/fs/cgroup/cpu/cgroup.procs");
    let root = if old.exists() { old } else { PathBuf::from("/sys/fs/cgroup/cgroup.procs") };
    std::fs::write(root, process.to_string())
}
