"""Reading of pickles, arrays and archives as inert data: no code of a file is ever run.

One reader serves weights, latents and directions: pickles, files of ``torch.save`` (zip and
legacy), ``.npy``, ``.npz`` and safetensors. It needs neither torch nor the pickle machinery of the
standard library, and it returns dictionaries, lists, numbers, strings and `StoredArray` leaves,
whose numbers stay in the mapped file until they are loaded. Time and memory are bounded by the size
of the file, see `Budget`.
"""
