"""The core, in Amaranth. Streams follow Amaranth's rules (RFC 61): `valid` never waits for `ready`,
and neither `valid` nor the payload changes until the transfer."""
