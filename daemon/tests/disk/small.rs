//! A really small file system, for tests of several programs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A disk of a few megabytes (a tmpfs), unmounted at the end.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, and it is said, where no file system can be mounted.
    pub fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!(
                "SKIPPED: no tmpfs can be mounted here; `story` tries a full disk by `ulimit -f`"
            );
        }
        mounted.then_some(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Somebody else fills it up to so many bytes.
    pub fn fill(&self, left: u64) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let zeros = vec![0; 64 << 10];
        let mut size = 0;
        while let Ok(written @ 1..) = ballast.write(&zeros) {
            size += written as u64;
        }
        ballast.set_len(size.saturating_sub(left)).unwrap();
    }

    /// There is room again.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
