"""A synthetic street: fixed cameras, their pictures, and the truth about them.

It needs OpenCV, the extra `[street]`. A `Clip` describes what to draw, `draw.render` draws it,
`encode.write` makes a video of it, and `archive` makes a folder of videos with their truth.
"""
