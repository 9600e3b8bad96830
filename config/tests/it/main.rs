//! Specs as people write them, from the text to the plan or to the message.

mod after;
mod bad;
mod examples;
mod features;
mod groups;
mod health;
mod interface;
mod judged;
mod ladder;
mod many;
mod overrides;
mod parts;
mod presets;
mod proverif;
mod race;
mod robust;
mod rounds;
mod study;
mod study_bad;
mod support;
