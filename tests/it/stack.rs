//! `scripts/stack` on a disk that is too small, and what a container's build is given.

use std::path::Path;
use std::process::Command;

use crate::support::cluster::root;

/// Runs a script where `$1` is a disk of its own, which nobody else sees and which goes with the script.
/// What it said, and its exit status.
fn on_a_disk_of(size: &str, script: &str) -> (String, Option<i32>) {
    let folder = std::env::temp_dir().join(format!("disk-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let whole = format!(
        "mount -t tmpfs -o {size} none \"$1\" || exit 99
         unset DATABASE_URL DATABASE_OWNER_URL AMQP_URL CARGO_TARGET_DIR STACK_BIN
         {script}"
    );
    let done = Command::new("unshare")
        // Root needs no more than mounts of its own; others are root among themselves.
        .args(["--user", "--map-root-user", "--mount", "bash", "-c"])
        .arg(&whole)
        .arg("bash")
        .arg(&folder)
        .current_dir(root())
        .output()
        .expect("unshare");
    std::fs::remove_dir(&folder).expect("an empty folder");
    let said = [done.stdout, done.stderr].concat();
    (String::from_utf8_lossy(&said).trim().to_owned(), done.status.code())
}

/// One line that says what to do, and failure.
#[track_caller]
fn is_one_sentence((said, status): &(String, Option<i32>), expected: &[&str]) {
    assert_eq!(*status, Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for words in expected.iter().chain(&["free some space"]) {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[test]
fn a_full_disk_is_one_sentence_before_anything_is_written() {
    // Not a byte is left, for a run that is there and for one that is not.
    let full = "dd if=/dev/zero of=\"$1/filler\" 2>/dev/null";
    for before in ["", "STACK_RUN=\"$1/run\" scripts/stack status >/dev/null; "] {
        for command in ["servers", "up", "test --test it", "with true"] {
            let script = format!("{before}{full}; STACK_RUN=\"$1/run\" scripts/stack {command}");
            is_one_sentence(&on_a_disk_of("size=512k", &script), &["has 0 MiB free", "1024 MiB"]);
        }
    }
    // What takes no room still works, or says why not.
    let down = format!(
        "STACK_RUN=\"$1/run\" scripts/stack status >/dev/null; {full};
                        STACK_RUN=\"$1/run\" scripts/stack down"
    );
    assert_eq!(on_a_disk_of("size=512k", &down), (String::new(), Some(0)));
    let told = on_a_disk_of("nr_inodes=3", "STACK_RUN=\"$1/run\" scripts/stack status");
    is_one_sentence(&told, &["is full"]);
}

#[test]
fn a_build_is_not_begun_where_it_does_not_fit_wherever_its_folder_is() {
    // Run and folder of the build on disks of their own; the run has room enough.
    let script = |command: &str| {
        format!(
            "export STACK_RUN=$(mktemp -d) CARGO_TARGET_DIR=\"$1/target\"
                 scripts/stack {command}; status=$?; rm -rf \"$STACK_RUN\"; exit $status"
        )
    };
    for (command, needs) in [("test", "6144 MiB"), ("up", "3072 MiB"), ("demo", "3072 MiB")] {
        let told = on_a_disk_of("size=2000m", &script(command));
        is_one_sentence(&told, &["has 2000 MiB free", needs, "/target"]);
    }
    // Where the programs are there already, less will do; and ready ones take nothing.
    let built = "mkdir -p \"$1/target/release\"; cp /bin/true \"$1/target/release/payclear\"; ";
    let told = on_a_disk_of("size=500m", &format!("{built}{}", script("up")));
    is_one_sentence(&told, &["1024 MiB"]);
    let ready = "export STACK_RUN=$(mktemp -d) CARGO_TARGET_DIR=\"$1/target\" STACK_BIN=/nowhere
                 . scripts/lib/common.sh; ROOT=$PWD; . scripts/lib/service.sh
                 build && rm -rf \"$STACK_RUN\"";
    assert_eq!(on_a_disk_of("size=512k", ready), (String::new(), Some(0)));
}

#[test]
fn a_containers_build_is_given_nothing_that_was_built_or_that_runs() {
    // By this name Docker reads it, and Podman too.
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).expect("the list");
    let ignored: Vec<&str> = ignored.lines().collect();
    for folder in [".git", ".run", "target"] {
        assert!(ignored.contains(&folder), "{folder} would be sent to the builder");
    }
    // Podman would prefer the other.
    assert!(!Path::new(root()).join(".containerignore").exists());
}
