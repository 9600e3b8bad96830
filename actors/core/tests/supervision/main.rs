//! Supervision: each rule by a test that is named after what OTP's documentation says of it, and every sequence of events
//! over small trees of groups, held against laws.

mod enumerated;
mod faults;
mod house;
mod laws;
mod otp;
mod ours;
mod witness;
mod world;
