"""What compliance edits: people and roles, signers, destinations, policy packs, approvals."""
