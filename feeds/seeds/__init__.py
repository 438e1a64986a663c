"""From folders of seed files to validated items: scan, front matter, schema."""
