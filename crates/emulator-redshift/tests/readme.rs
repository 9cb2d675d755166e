//! The README's table of what the local Redshift emulates is generated from the code.

use std::path::Path;

use emulator_redshift::emulated::{emulated, markdown};

const BEGIN: &str =
    "<!-- generated from the code: cargo test -p emulator-redshift --test readme -->\n";
const END: &str = "<!-- end of the generated table -->";

#[test]
fn the_readme_shows_what_the_code_emulates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md can be read");
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has the table's first mark");
    let (_, after) = rest.split_once(END).expect("README.md has the table's last mark");
    let table = markdown(&emulated());
    let expected = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    if readme != expected {
        // CI's checkout is thrown away; elsewhere the new table only has to be looked at.
        std::fs::write(&path, expected).expect("README.md can be written");
        panic!("README.md told another story than the code; it was rewritten: look and commit");
    }
}
