# The one source that needs oneDNN 3, where Debian 12 has 2.6: without it, the two convolutions before the encoder run
# as matrix products, through oneDNN like all others.
set_source_files_properties(src/ops/conv1d_cpu.cc PROPERTIES COMPILE_OPTIONS "-UCT2_WITH_DNNL")
# One token against all weights: see the header.
set_source_files_properties(src/cpu/primitives.cc PROPERTIES
  COMPILE_OPTIONS "-include;${CMAKE_CURRENT_LIST_DIR}/one_row.h"
  OBJECT_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/one_row.h")
