# What our Debian packages have in common: include() this after project(), with
# these set:
#	deb_section, deb_depends, deb_recommends, deb_summary, deb_description
#	deb_control: what goes into DEBIAN/
#	deb_changelog: a Markdown changelog that becomes the package's, if there is one
#	deb_licence, deb_sbom_arguments: for sbom.py
# $SURVEY_MAINTAINER, "NAME <ADDRESS>", is who makes the packages.
# Then "cpack" makes the package, the same bytes each time: everything in it
# bears the time of $SOURCE_DATE_EPOCH, or else that of the commit.
set(SURVEY_MAINTAINER "$ENV{SURVEY_MAINTAINER}")
if(SURVEY_MAINTAINER STREQUAL "")
	set(SURVEY_MAINTAINER "The survey authors <survey@packages.invalid>")
endif()
set(package_dir ${CMAKE_CURRENT_LIST_DIR})

set(CPACK_GENERATOR DEB)
set(CPACK_SOURCE_GENERATOR "")
set(CPACK_PACKAGE_NAME ${PROJECT_NAME})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${SURVEY_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${deb_summary})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION ${deb_description})
set(CPACK_DEBIAN_PACKAGE_SECTION ${deb_section})
set(CPACK_DEBIAN_PACKAGE_DEPENDS ${deb_depends})
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ${deb_recommends})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deb_control})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)	# there are files in /etc and /var, too
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_BINARY_DIR}/stage.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_BINARY_DIR}/epoch.cmake)
configure_file(${package_dir}/stage.cmake.in ${CMAKE_BINARY_DIR}/stage.cmake @ONLY)
configure_file(${package_dir}/epoch.cmake.in ${CMAKE_BINARY_DIR}/epoch.cmake @ONLY)
include(CPack)
