"""What those who run the site watch and do. Numbers only, of nobody in particular; acts are written down."""
