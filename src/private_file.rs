//! Files and directories that only their owner can read: the audit file, incident reports, the hold memory, the log.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Makes the directory and those above it that are missing, 0700 on Unix. One that exists stays as it is. Blocks.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Options that make a new file 0600 on Unix. The mode of a file that exists stays as it is.
pub(crate) fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "nothing to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_owner_reads_what_is_new() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state/redwarden");
        make_dir(&dir).unwrap();
        make_dir(&dir).unwrap();
        let file = dir.join("file");
        options().write(true).create_new(true).open(&file).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(dir.parent().unwrap()), mode(&file)), (0o700, 0o700, 0o600));
    }

    #[test]
    fn what_stood_there_keeps_its_mode() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "x").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        options().append(true).open(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(make_dir(&file).is_err(), "a file is no directory");
    }
}
