"""A synthetic street: fixed cameras, their pictures, and the truth about them.

Needs OpenCV, the extra `[street]`. `clip` says what to draw, `draw.render` draws it, `encode.write`
makes a video of it, `archive` a folder of videos with their truth.
"""
