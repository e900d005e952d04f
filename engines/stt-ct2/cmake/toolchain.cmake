# How ct2rs builds CTranslate2. The crate offers oneDNN only as a build from source of half an hour; CTranslate2 itself
# takes the system's. CMake reads this file because .cargo/config.toml sets CMAKE_TOOLCHAIN_FILE, in every C++ build of
# the workspace; whisper.cpp and llama.cpp look at none of these names.
set(WITH_DNNL ON CACHE BOOL "")
set(CMAKE_PROJECT_ctranslate2_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/ctranslate2.cmake")
