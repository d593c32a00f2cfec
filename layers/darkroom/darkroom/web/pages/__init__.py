"""The HTML pages. `views` has one function for each page; the other modules are its parts."""
