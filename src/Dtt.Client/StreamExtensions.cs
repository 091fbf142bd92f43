using System.Runtime.CompilerServices;

namespace Dtt.Client;

/// <summary>Streams from a silo that may die while somebody listens.</summary>
public static class StreamExtensions
{
    /// <summary>The stream, ended at once by the token: a dead silo answers neither the next request nor the end, so nothing waits for it.</summary>
    /// <exception cref="OperationCanceledException">The token ended it.</exception>
    /// <exception cref="OrleansException">The grain has ended, and what comes after is another activation's.</exception>
    public static async IAsyncEnumerable<T> Until<T>(this IAsyncEnumerable<T> source, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var items = source.GetAsyncEnumerator(cancellation);
        try
        {
            while (await HasNextAsync(items).WaitAsync(cancellation)) yield return items.Current;
        }
        finally
        {
            var end = EndAsync(items);
            if (!cancellation.IsCancellationRequested) await end;
        }
    }

    private static async Task<bool> HasNextAsync<T>(IAsyncEnumerator<T> items)
    {
        try
        {
            return await items.MoveNextAsync();
        }
        catch (EnumerationAbortedException e)
        {
            throw new OrleansException(e.Message, e);
        }
    }

    private static async Task EndAsync<T>(IAsyncEnumerator<T> items)
    {
        try
        {
            await items.DisposeAsync();
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException or NotSupportedException or ObjectDisposedException)
        {
            // The other side is gone, or a request is still open: there is nothing left to end.
        }
    }
}
