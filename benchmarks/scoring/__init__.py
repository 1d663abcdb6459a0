"""How scorecards are trained and measured: worlds, bins, fitting, measures, pages."""
