# cmake -DSOURCE=DIR -DCOMMIT=TEXT -DOUT=FILE -P commit.cmake: write FILE, which
# defines SURVEY_COMMIT.  It is TEXT if that is given; else what git says; else
# what git put into config/commit when it made an archive of this commit.
file(STRINGS ${SOURCE}/config/commit archived LIMIT_COUNT 1)
if(COMMIT)
	set(commit "commit ${COMMIT}")
elseif(EXISTS ${SOURCE}/.git)
	find_package(Git QUIET)
	# Root may build what another user has cloned: safe.directory.
	set(git ${GIT_EXECUTABLE} -c safe.directory=${SOURCE} -C ${SOURCE})
	if(GIT_FOUND)
		execute_process(COMMAND ${git} rev-parse --short=12 HEAD
			OUTPUT_VARIABLE id OUTPUT_STRIP_TRAILING_WHITESPACE
			RESULT_VARIABLE failed ERROR_QUIET)
	endif()
	if(id AND NOT failed)
		set(commit "commit ${id}")
		execute_process(COMMAND ${git} --no-optional-locks status --porcelain
			--untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
		if(changes)
			string(APPEND commit ", with changes")
		endif()
	endif()
elseif(NOT archived MATCHES "Format")
	string(SUBSTRING "${archived}" 0 12 id)
	set(commit "commit ${id}")
endif()
if(NOT commit)
	set(commit "commit unknown")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define SURVEY_COMMIT \"${commit}\"\n")
