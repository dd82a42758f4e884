# The Debian package of survey: cmake --preset package, build it, cpack.
install(FILES config/package/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES config/package/lintian-overrides RENAME survey DESTINATION share/lintian/overrides)
install(FILES config/package/block.conf config/package/opt-out.conf DESTINATION /etc/survey)
install(DIRECTORY DESTINATION /var/lib/survey DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)

file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/conffiles
	"/etc/survey/block.conf\n/etc/survey/opt-out.conf\n")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS geoipupdate libcap2-bin tmux)
list(JOIN CPACK_DEBIAN_PACKAGE_SUGGESTS ", " CPACK_DEBIAN_PACKAGE_SUGGESTS)
set(deb_section net)
# The tools that it starts with the example config; the files that they and it
# read; who makes the user and the folder.
set(deb_depends zmap "zgrab2 (>= 1.0.0)" unbound stubby
	ca-certificates dns-root-data fonts-dejavu-core procps
	"systemd | systemd-standalone-sysusers" "systemd | systemd-standalone-tmpfiles")
list(JOIN deb_depends ", " deb_depends)
set(deb_summary "surveys of mail hosts that share SSH and TLS keys")
set(deb_description
	"survey scans the mail hosts of a country or of given networks, collects the\npublic keys that they show on their SSH, mail and web ports, and clusters\nand draws the hosts that share a key.\n.\nIt drives ZMap and ZGrab2, resolves names through resolvers of its own, and\nmay be stopped and continued at any time.")
set(deb_control ${CMAKE_CURRENT_BINARY_DIR}/conffiles)
foreach(script postinst prerm postrm)
	list(APPEND deb_control ${CMAKE_CURRENT_LIST_DIR}/${script})
endforeach()
set(deb_changelog ${CMAKE_CURRENT_SOURCE_DIR}/docs/CHANGELOG.md)
set(deb_licence ISC)
set(deb_sbom_arguments "")
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
