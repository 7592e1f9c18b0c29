//! The daemon in a process of its own: brought into each state it can be in, and ended there.
mod command;
mod control;
mod events;
mod hang;
mod once;
mod stop;
mod swift;
mod words;
