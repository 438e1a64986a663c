version_str: str
