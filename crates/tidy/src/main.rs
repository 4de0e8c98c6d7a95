//! Draws `docs/architecture.svg`, or prints numbers.

use std::io;
use std::process::ExitCode;

use headworks_tidy::tree::Tree;
use headworks_tidy::{draw, numbers};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write_picture(),
        ["numbers"] => Tree::here().map(|tree| print!("{}", numbers::report(&tree))),
        _ => {
            eprintln!("usage: cargo run -p headworks-tidy [-- numbers]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the project's files cannot be read or written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_picture() -> io::Result<()> {
    let tree = Tree::here()?;
    let drawn = draw::picture(&tree);
    std::fs::write(tree.root.join(draw::PICTURE), &drawn)?;
    println!("{}: {} bytes", draw::PICTURE, drawn.len());
    Ok(())
}
