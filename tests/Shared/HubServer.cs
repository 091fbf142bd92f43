using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Dtt.Tests;

/// <summary>
/// A Hub on loopback that behaves as the real one does: it pages its listings, keeps small files itself and leads to another host, by addresses that expire,
/// for large ones. Faults are put in the way of requests.
/// </summary>
internal sealed class HubServer : IDisposable
{
    private const int PageEntries = 2;
    private readonly HttpListener _hub, _store;
    private readonly ConcurrentDictionary<string, string> _branches = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<Committed>> _commits = new();
    private readonly List<(Func<string, bool> Of, Func<HttpListenerContext, bool> Do)> _faults = [];
    private int _signature;

    public HubServer()
    {
        (_hub, Endpoint) = Listen(AnswerHub);
        (_store, StoreEndpoint) = Listen(AnswerStore);
    }

    public string Endpoint { get; }

    /// <summary>The host of large files.</summary>
    public string StoreEndpoint { get; }

    /// <summary>The token that the repositories want; null: they are open.</summary>
    public string? Token { get; set; }

    /// <summary>Requests so far: the path and query, and the Range header.</summary>
    public ConcurrentQueue<(string Path, string? Range)> Requests { get; } = new();

    /// <summary>What was asked of the store with an Authorization header: nothing may be.</summary>
    public ConcurrentQueue<string> Leaks { get; } = new();

    /// <summary>Commits files to a branch; the commit.</summary>
    public string Commit(string repository, string branch, params (string Path, string Text)[] files) =>
        Commit(repository, branch, [.. files.Select(f => (f.Path, Encoding.UTF8.GetBytes(f.Text), !f.Path.EndsWith(".md", StringComparison.Ordinal)))]);

    public string Commit(string repository, string branch, (string Path, byte[] Bytes, bool IsLarge)[] files)
    {
        var commit = Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes($"{repository} {branch} {Guid.NewGuid()}")));
        _commits[$"{repository} {commit}"] = [.. files.Select(f => new Committed(f.Path, f.Bytes, f.IsLarge, Sha256(f.Bytes), GitId(f.Bytes)))];
        _branches[$"{repository} {branch}"] = commit;
        return commit;
    }

    /// <summary>For the next requests whose path contains a text: does something in place of the answer, or before it where it returns false.</summary>
    public void Next(string path, int times, Func<HttpListenerContext, bool> fault)
    {
        lock (_faults)
        {
            for (; times > 0; times--) _faults.Add((p => p.Contains(path, StringComparison.Ordinal), fault));
        }
    }

    /// <summary>Answers with a status and headers.</summary>
    public static Func<HttpListenerContext, bool> Status(int status, params (string Name, string Value)[] headers) => context =>
    {
        foreach (var (name, value) in headers) context.Response.AddHeader(name, value);
        Send(context, status, []);
        return true;
    };

    public void Dispose()
    {
        _hub.Close();
        _store.Close();
    }

    private static (HttpListener Listener, string Endpoint) Listen(Action<HttpListenerContext> answer)
    {
        for (; ; )
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            var port = ((IPEndPoint)probe.LocalEndpoint).Port;
            probe.Stop();
            var listener = new HttpListener();
            listener.Prefixes.Add($"http://127.0.0.1:{port}/");
            try
            {
                listener.Start();
            }
            catch (HttpListenerException)
            {
                continue;
            }

            _ = ServeAsync(listener, answer);
            return (listener, $"http://127.0.0.1:{port}");
        }
    }

    private static async Task ServeAsync(HttpListener listener, Action<HttpListenerContext> answer)
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() =>
            {
                try
                {
                    answer(context);
                }
                catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
                {
                    // The client left.
                }
            });
        }
    }

    private bool IsFaulty(HttpListenerContext context)
    {
        var path = context.Request.Url!.PathAndQuery;
        Requests.Enqueue((path, context.Request.Headers["Range"]));
        Func<HttpListenerContext, bool> fault;
        lock (_faults)
        {
            var at = _faults.FindIndex(f => f.Of(path));
            if (at < 0) return false;
            fault = _faults[at].Do;
            _faults.RemoveAt(at);
        }

        return fault(context);
    }

    private void AnswerHub(HttpListenerContext context)
    {
        if (IsFaulty(context)) return;
        var parts = context.Request.Url!.AbsolutePath.Trim('/').Split('/').Select(Uri.UnescapeDataString).ToArray();
        if (Token is not null && context.Request.Headers["Authorization"] != $"Bearer {Token}")
        {
            _ = Status(401, ("X-Error-Code", "GatedRepo"))(context);
            return;
        }

        switch (parts)
        {
            case ["api", "datasets", var owner, var name, "revision", var revision]:
                if (Resolve($"{owner}/{name}", revision) is { } sha) Send(context, 200, Encoding.UTF8.GetBytes($$"""{"id":"x","sha":"{{sha}}"}"""));
                else _ = Status(404, ("X-Error-Code", IsThere($"{owner}/{name}") ? "RevisionNotFound" : "RepoNotFound"))(context);
                break;
            case ["api", "datasets", var owner, var name, "tree", var revision]:
                SendTree(context, $"{owner}/{name}", revision);
                break;
            case ["datasets", var owner, var name, "resolve", var revision, .. var path]:
                SendFile(context, $"{owner}/{name}", revision, string.Join('/', path));
                break;
            default:
                Send(context, 404, []);
                break;
        }
    }

    private string? Resolve(string repository, string revision) =>
        _branches.GetValueOrDefault($"{repository} {revision}") ?? (_commits.ContainsKey($"{repository} {revision}") ? revision : null);

    private bool IsThere(string repository) => _branches.Keys.Any(b => b.StartsWith(repository + " ", StringComparison.Ordinal));

    private void SendTree(HttpListenerContext context, string repository, string revision)
    {
        var files = _commits[$"{repository} {Resolve(repository, revision)}"];
        var from = int.Parse(context.Request.QueryString["cursor"] ?? "0", CultureInfo.InvariantCulture);
        var pointer = GitId("pointer"u8.ToArray());
        var entries = files.Skip(from).Take(PageEntries).Select(f => f.IsLarge
            ? (object)new { type = "file", path = f.Path, size = f.Bytes.Length, oid = pointer, lfs = new { oid = f.Sha256, size = f.Bytes.Length } }
            : new { type = "file", path = f.Path, size = f.Bytes.Length, oid = f.GitId });
        if (from + PageEntries < files.Count)
            context.Response.AddHeader("Link", $"<{Endpoint}{context.Request.Url!.AbsolutePath}?recursive=true&cursor={from + PageEntries}>; rel=\"next\"");
        Send(context, 200, JsonSerializer.SerializeToUtf8Bytes(entries));
    }

    private void SendFile(HttpListenerContext context, string repository, string revision, string path)
    {
        var commit = Resolve(repository, revision)!;
        if (_commits[$"{repository} {commit}"].FirstOrDefault(f => f.Path == path) is not { } file)
        {
            _ = Status(404, ("X-Error-Code", "EntryNotFound"))(context);
            return;
        }

        context.Response.AddHeader("X-Repo-Commit", commit);
        if (!file.IsLarge)
        {
            SendBytes(context, file.Bytes);
            return;
        }

        context.Response.AddHeader("X-Linked-Size", file.Bytes.Length.ToString(CultureInfo.InvariantCulture));
        context.Response.AddHeader("X-Linked-Etag", $"\"{file.Sha256}\"");
        var signature = Interlocked.Increment(ref _signature);
        context.Response.AddHeader("Location", $"{StoreEndpoint}/{Uri.EscapeDataString($"{repository} {commit}")}/{path}?signature={signature}");
        Send(context, 302, []);
    }

    private void AnswerStore(HttpListenerContext context)
    {
        if (context.Request.Headers["Authorization"] is not null) Leaks.Enqueue(context.Request.Url!.PathAndQuery);
        if (IsFaulty(context)) return;
        var parts = context.Request.Url!.AbsolutePath.TrimStart('/').Split('/', 2).Select(Uri.UnescapeDataString).ToArray();
        SendBytes(context, _commits[parts[0]].Single(f => f.Path == parts[1]).Bytes);
    }

    /// <summary>Sends bytes, from where Range asks on.</summary>
    public static void SendBytes(HttpListenerContext context, byte[] bytes)
    {
        if (StartOf(context) is not { } from)
        {
            Send(context, 200, bytes);
            return;
        }

        if (from >= bytes.Length)
        {
            Send(context, 416, []);
            return;
        }

        context.Response.AddHeader("Content-Range", $"bytes {from}-{bytes.Length - 1}/{bytes.Length}");
        Send(context, 206, bytes[from..]);
    }

    public static void Send(HttpListenerContext context, int status, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentLength64 = body.Length;
        context.Response.OutputStream.Write(body);
        context.Response.Close();
    }

    /// <summary>Sends the head of an answer of many bytes, and closes the connection behind them: they get there, and then its end does.</summary>
    public static Func<HttpListenerContext, bool> Cut(byte[] whole, int after) => context =>
    {
        var from = StartOf(context) ?? 0;
        context.Response.StatusCode = from > 0 ? 206 : 200;
        if (from > 0) context.Response.AddHeader("Content-Range", $"bytes {from}-{whole.Length - 1}/{whole.Length}");
        context.Response.ContentLength64 = whole.Length - from;
        context.Response.KeepAlive = false;
        context.Response.OutputStream.Write(whole.AsSpan(from, after));
        context.Response.Close();
        return true;
    };

    /// <summary>Where Range asks to begin.</summary>
    private static int? StartOf(HttpListenerContext context) =>
        context.Request.Headers["Range"] is ['b', 'y', 't', 'e', 's', '=', .. var range] ? int.Parse(range.TrimEnd('-'), CultureInfo.InvariantCulture) : null;

    private static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static string GitId(byte[] bytes) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]));

    private sealed record Committed(string Path, byte[] Bytes, bool IsLarge, string Sha256, string GitId);
}
