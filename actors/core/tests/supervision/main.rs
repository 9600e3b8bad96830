//! Supervision: each rule by a test that is named after what OTP's documentation says of it, and every sequence of events
//! over small trees of groups, held against laws.

mod house;
mod otp;
mod ours;
