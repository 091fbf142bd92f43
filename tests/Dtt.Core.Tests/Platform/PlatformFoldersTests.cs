using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Tests;

namespace Dtt.Core.Tests.Platform;

/// <summary>Where a platform lives, also for users without a home.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class PlatformFoldersTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Make_WithAHome_LivesInIt_ForThisUserOnly()
    {
        var folders = PlatformFolders.Make(null, null, () => _folder.Path);
        Assert.Equal((_folder[".dtt"], _folder[".dtt/state"]), (folders.Home, folders.State));
        Assert.All([folders.Home, folders.State], f => Assert.Equal(OwnerOnly, File.GetUnixFileMode(f)));
    }

    [Fact]
    public void Make_WithDttHome_NeedsNoOtherHome()
    {
        var folders = PlatformFolders.Make(_folder["platform"], null, () => throw new InvalidOperationException("asked for the user's home"));
        Assert.Equal(_folder["platform"], folders.Home);
    }

    [Theory]
    [InlineData("missing", "which does not exist")]
    [InlineData("file", "which is not a folder")]
    public void Make_WithoutAHome_SaysWhyAndWhatToDo(string home, string wrong)
    {
        _folder.Write("file", "");
        var error = Assert.Throws<UserErrorException>(() => PlatformFolders.Make("", null, () => _folder[home]));
        Assert.Equal($"HOME is '{_folder[home]}', {wrong}; name a folder for DTT's state with DTT_HOME.", error.Message);
        Assert.Equal(ExitCodes.BadConfiguration, error.ExitCode);
    }

    [Theory]
    [InlineData("file")]
    [InlineData("file/below")]
    [InlineData("/proc/dtt")]
    public void Make_DttHomeThatCannotBeUsed_IsNamed(string home)
    {
        _folder.Write("file", "");
        var error = Assert.Throws<UserErrorException>(() => PlatformFolders.Make(_folder[home], null, () => _folder.Path));
        Assert.Contains(_folder[home], error.Message);
        Assert.Contains("with DTT_HOME", error.Message);
        Assert.Equal(ExitCodes.BadConfiguration, error.ExitCode);
    }

    [Fact]
    public void Make_DttStateThatCannotBeUsed_IsNamed()
    {
        _folder.Write("file", "");
        var error = Assert.Throws<UserErrorException>(() => PlatformFolders.Make(_folder["home"], _folder["file/state"], () => _folder.Path));
        Assert.Contains($"{_folder["file/state"]} cannot be used: ", error.Message);
        Assert.Contains("with DTT_STATE", error.Message);
    }
}
