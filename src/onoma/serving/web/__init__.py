"""The page: extract, look at runs, review labels, watch a labelling; built with Gradio."""
