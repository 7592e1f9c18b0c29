//! The words tests are written in.
#![allow(clippy::missing_panics_doc, reason = "a test's words assert, and say why")]

pub mod fuzz;
pub mod world;

pub mod answers;
pub mod asked;
pub mod auditor;
pub mod comparison;
pub mod damage;
pub mod deep_damage;
pub mod differences;
pub mod fixtures;
pub mod image;
pub mod mutate;
pub mod one_pass;
pub mod scenarios;
pub mod snapshot;
pub mod tree;

pub mod command;
pub mod daemon;
pub mod demo;
