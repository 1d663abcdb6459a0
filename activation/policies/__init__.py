"""Law as dated data: packs name rules and parameters, a rule is one small pure function."""
