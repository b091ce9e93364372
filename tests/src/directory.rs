//! A directory of its own for whoever needs one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// A directory for temporary files; removed when dropped.
pub struct Directory(PathBuf);

impl Directory {
    /// An empty one.
    ///
    /// # Panics
    /// When there can be none.
    pub fn create() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("rootcap-test-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
