"""How the ml v1 API spells things: JSON rules, filters, field masks, partial responses. No I/O."""
