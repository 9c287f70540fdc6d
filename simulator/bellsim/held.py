"""Names that a stock MicroPython holds in its own flash: to use them costs no heap. See `linker`.

Found by asking the interpreter of the simulator whether a name made its table of names longer. Another port holds other
ones; a name that it does not hold costs it as many bytes as any name does, and nothing breaks.
"""

_TEXT = """
_ e f n r s t v aw cb dt er gc io on os pi py rb re sz tb wb EIO GET GS8 INT PTR PUT RAW add aes arg big buf
cos doc end erf exc exp get idx inf key log md5 mem mpy nan off opt pop pos ps1 ps2 ptr put raw req run sep sin src
ssl sub sys tan tau tls url val vfs AUTO Done GZIP HEAD Host INT8 LONG Lock Loop POST Task UINT VOID ZLIB _Arg _mpy
_run acos args argv asin atan attr auth bind blit ceil cert code copy core coro cosh data deps dest done dump erfc
fabs file fill find fmod full head host idle imag join json keys line load lock log2 loop main math mem8 mkfs mode
modf name pack path peek poll poly port post ptr8 push read real rect recv seed seek self send sgen sha1 sinh sock
sort sqrt stat step stop sync tanh task tell text time uint urls usys wait ARRAY B9600 EBADF EPERM Error Event INT16
INT32 INT64 MVLSB PATCH SHORT UINT8 ULONG acosh array asinh atan2 atanh chdir clear clock close cmath const count
crc32 deque drain dumps errno event expm1 flags floor flush frexp funcs gamma group heapq hline index ioctl ipoll
isinf isnan items ldexp loads log10 lower match mem16 mem32 mkdir mount mtime names nargs parse patch phase pixel
polar ptr16 ptr32 rfind rmdir sleep split start state stdin store strip throw ticks trunc union upper usage value
viper vline write B57600 BFINT8 BF_LEN BF_POS DELETE EACCES EAGAIN EEXIST EINVAL EISDIR ENODEV ENOENT ENOMEM FileIO
IOBase NATIVE POLLIN RGB565 RingIO Server Signal Stream UINT16 UINT32 UINT64 USHORT VfsFat VfsRom _apply _attrs
_build _chunk _serve accept aclose action append atexit awrite branch buffer cadata cafile cancel center choice
cipher decode delete digest enable encode extend fileno future gather getcwd getenv getter gmtime hashes insert
invert is_set latest length lgamma listen little locked lstrip method mktime modify module native no_mpy ph_key
poller putenv random reason remove rename rindex rsplit rstrip scroll search select sendto setraw setter sha256
signed single sizeof socket stderr stdout stream struct system target umount unlink unpack unsafe update values
waiter AF_INET AF_UNIX B115200 B230400 B460800 B500000 B576000 B921600 BFINT16 BFINT32 BFUINT8 BytesIO ENOBUFS
FLOAT32 FLOAT64 IOQueue POLLERR POLLHUP POLLOUT PinBase TCSANOW VfsLfs1 VfsLfs2 _Remove _cached _thread abs_tol
acquire asyncio backlog chunked closure collect connect content context decrypt default deflate degrees deleter
disable discard ellipse encrypt fromhex handler hashlib headers heapify heappop hexlify indices install isalpha
isclose isdigit islower isspace isupper keyfile listdir machine maxsize message modules newline optname out_buf
package popitem popleft preview psk_key radians randint rel_tol release replace request reverse sendall statvfs
termios time_ns timeout uctypes uniform urandom version waiting AF_INET6 B1000000 B1152000 BFUINT16 BFUINT32
EALREADY ENOTCONN GS2_HMSB GS4_HMSB LONGLONG LockType MSG_PEEK NoneType Response SOCK_RAW SO_ERROR StringIO VfsPosix
_asyncio _context _dequeue _enqueue _machine _stopper argparse binascii builtins bytecode bytes_at calcsize certfile
copysign cur_task encoding endswith exc_info exc_type execfile framebuf fromkeys function getvalue heappush ilistdir
isfinite issubset iterable iterator kbd_intr keepends libc_ver makefile mem_free mem_info mem_peak peername platform
progsize readinto readline readonly readsize recvfrom register requests runq_len schedule sleep_ms sleep_us sockaddr
ticks_ms ticks_us to_bytes unsetenv wait_for CERT_NONE DeflateIO ETIMEDOUT MONO_HLSB MONO_HMSB MONO_VLSB SO_LINGER
SSLSocket TaskQueue ULONGLONG _ArgError _io_queue addressof awritestr buffering byteorder cert_reqs client_id
cryptolib dict_view errorcode exception factorial fill_rect generator get_ident heap_lock inet_ntop inet_pton
isenabled localtime lookahead main_task mem_alloc mem_total opt_level opt_names pack_into partition qstr_info
randrange readlines recv_into stack_use tcgetattr tcsetattr threshold ticks_add ticks_cpu unhexlify waitq_len
websocket BIG_ENDIAN Connection EADDRINUSE ECONNRESET EOPNOTSUPP SOCK_DGRAM SOL_SOCKET SSLContext _stop_task
a2b_base64 appendleft b2a_base64 difference do_install executable from_bytes isdisjoint issuperset namedtuple
parse_args pend_throw queue_read readblocks render_arg requesting rpartition separators setdefault setsockopt
settimeout short_hash soft_reset splitlines stack_size startswith store_true ticks_diff unregister EINPROGRESS
FrameBuffer OrderedDict SOCK_STREAM _parse_args _task_queue collections create_task description get_ciphers
getaddrinfo getrandbits heap_unlock mem_current micropython queue_write readexactly run_forever server_side
set_ciphers setblocking status_code store_const store_false unpack_from verify_mode wait_closed wait_for_ms
wrap_socket writeblocks ECONNABORTED ECONNREFUSED EHOSTUNREACH FrameBuffer1 MSG_DONTWAIT SO_BROADCAST SO_KEEPALIVE
SO_REUSEADDR StreamReader StreamWriter _exc_context _exc_handler _rewrite_url add_argument bound_method bytearray_at
current_task do_handshake intersection psk_identity start_server version_info Authorization CERT_OPTIONAL
CERT_REQUIRED LITTLE_ENDIAN MSG_DONTROUTE TextIOWrapper _check_exists _install_json allocate_lock parse_headers
stream_awrite time_pulse_us wait_io_event ArgumentParser CancelledError ThreadSafeFlag ViperTypeError _download_file
get_event_loop get_extra_info implementation new_event_loop return_unknown MBEDTLS_VERSION consume_unknown
load_cert_chain open_connection print_exception python_compiler server_hostname server_psk_keys verify_callback
_install_package _parse_args_impl _promote_to_task package_json_url parse_known_args start_new_thread
"""
HELD = tuple(_TEXT.split())
