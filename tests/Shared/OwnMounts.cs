using System.Diagnostics;

namespace Dtt.Tests;

/// <summary>Mounts that only processes of a test see: small disks. They end with it.</summary>
internal sealed class OwnMounts : IDisposable
{
    private readonly Process _keeper = Process.Start("unshare", ["-m", "sleep", "infinity"])!;

    private OwnMounts() { }

    /// <summary>What a command is given to that shall see them.</summary>
    public string[] Within => ["nsenter", "-t", $"{_keeper.Id}", "-m"];

    /// <summary>Skips the test where only root could make any.</summary>
    public static async Task<OwnMounts> StartAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "root mounts a small file system.");
        var mounts = new OwnMounts();
        await Wait.ForAsync("mounts of its own", () => mounts._keeper.HasExited || NamespaceOf($"{mounts._keeper.Id}") != NamespaceOf("self"));
        return mounts;
    }

    /// <summary>Mounts an empty disk; skips the test where that is not allowed.</summary>
    /// <param name="folder">Where; it exists.</param>
    /// <param name="size">As tmpfs takes it: 900k, 50m.</param>
    public async Task DiskAsync(string folder, string size) =>
        Assert.SkipUnless(await SucceedsAsync("mount", "-t", "tmpfs", "-o", $"size={size}", "none", folder), "root mounts a small file system.");

    /// <summary>Makes a disk larger.</summary>
    public async Task ResizeAsync(string folder, string size) => Assert.True(await SucceedsAsync("mount", "-o", $"remount,size={size}", folder));

    /// <summary>A path as processes within see it, for those outside.</summary>
    public string Seen(string path) => $"/proc/{_keeper.Id}/root{path}";

    public void Dispose()
    {
        _keeper.Kill();
        _keeper.Dispose();
    }

    private static string? NamespaceOf(string process) => new FileInfo($"/proc/{process}/ns/mnt").LinkTarget;

    private async Task<bool> SucceedsAsync(params string[] command)
    {
        string[] whole = [.. Within, .. command];
        using var process = Process.Start(whole[0], whole[1..]);
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }
}
